//! Paths of Unix sockets, which may be longer than the system's addresses: homes
//! of batch nodes, sandboxes and builds are.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Bytes of `sun_path`, its closing NUL included.
const SUN_PATH: usize = if cfg!(any(target_os = "linux", target_os = "android")) {
    108
} else {
    104
};

/// The most bytes that a path can have as an address.
pub const LONGEST: usize = SUN_PATH - 1;

/// Where a process finds what it has open. Linux has it.
const DESCRIPTORS: &str = "/proc/self/fd";
/// Bytes of a descriptor's number, and of a slash on either side.
const NUMBER: usize = "/2147483647/".len();

/// What leads to a socket and is short enough: the path, or the way through its
/// directory, which is held open meanwhile.
#[derive(Debug)]
pub struct SocketAddress {
    path: PathBuf,
    _dir: Option<File>,
}

impl SocketAddress {
    /// The address of a socket, which need not be there. Fails with
    /// [`io::ErrorKind::InvalidFilename`] where there is none.
    pub fn of(path: &Path) -> io::Result<Self> {
        if is_short(path) {
            let path = path.to_owned();
            return Ok(Self { path, _dir: None });
        }
        let around = path.parent().zip(path.file_name());
        let around = around.filter(|_| Self::is_possible(path));
        let (dir, name) = around.ok_or(io::ErrorKind::InvalidFilename)?;
        let dir = File::open(dir)?;
        let number = dir.as_raw_fd().to_string();
        Ok(Self {
            path: Path::new(DESCRIPTORS).join(number).join(name),
            _dir: Some(dir),
        })
    }

    /// Whether there is one for a socket of this path, once its directory is
    /// there.
    pub fn is_possible(path: &Path) -> bool {
        let through = |name: usize| DESCRIPTORS.len() + NUMBER + name <= LONGEST;
        let name = path.file_name().map(|name| name.as_bytes().len());
        is_short(path) || (name.is_some_and(through) && Path::new(DESCRIPTORS).exists())
    }

    /// What the system takes.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn is_short(path: &Path) -> bool {
    path.as_os_str().as_bytes().len() <= LONGEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_path_is_its_own_address() {
        let longest = PathBuf::from(format!("/{}", "x".repeat(LONGEST - 1)));
        for path in [Path::new("s"), &longest] {
            assert_eq!(SocketAddress::of(path).unwrap().path(), path);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_long_one_is_bound_and_reached_all_the_same() {
        use std::os::unix::net::{UnixListener, UnixStream};

        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("long/".repeat(40));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("s.sock");
        UnixListener::bind(&path).expect_err("the system takes no such path");
        let address = SocketAddress::of(&path).unwrap();
        let _listener = UnixListener::bind(address.path()).unwrap();
        assert!(path.exists());
        let address = SocketAddress::of(&path).unwrap();
        UnixStream::connect(address.path()).unwrap();
    }

    #[test]
    fn what_has_no_address_is_said_to_have_none() {
        let name = format!("/tmp/{}", "x".repeat(LONGEST));
        assert!(!SocketAddress::is_possible(Path::new(&name)));
        let none = SocketAddress::of(Path::new(&name)).unwrap_err();
        assert_eq!(none.kind(), io::ErrorKind::InvalidFilename);
    }
}
