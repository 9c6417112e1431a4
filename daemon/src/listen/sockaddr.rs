//! Unix socket addresses.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, connect, socket};

/// Bytes of `sun_path`, its closing NUL included.
const SUN_PATH: usize = if cfg!(any(target_os = "linux", target_os = "android")) {
    108
} else {
    104
};

/// Bytes of the longest path that can be bound. One is for the NUL, one for the
/// suffix of the name the socket is born under.
pub(super) const LONGEST: usize = SUN_PATH - 2;

/// Whether the path fits, its bytes and all.
pub(super) fn fits(path: &Path) -> bool {
    path.as_os_str().as_bytes().len() <= LONGEST
}

/// What answers at a socket's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Something listens.
    Alive,
    /// The file outlived its listener.
    Stale,
}

/// Connects to `path` without waiting. Only a refused connection proves that
/// nobody listens; any other failure counts as somebody.
pub(super) fn probe(path: &Path) -> io::Result<Answer> {
    let socket: OwnedFd = socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    // A full backlog would block the connect; a busy listener is a live one.
    ioctl_fionbio(&socket, true)?;
    match connect(&socket, &SocketAddrUnix::new(path)?) {
        Err(Errno::CONNREFUSED) => Ok(Answer::Stale),
        _ => Ok(Answer::Alive),
    }
}
