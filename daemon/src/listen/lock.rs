//! One daemon per socket: a lock file beside it, locked for the daemon's life.

use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::Path;

use quilt_trust::Role;
use rustix::fs::{FileType, Mode, OFlags, fstat, openat};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::BindError;
use super::directory::PrivateDir;

/// The right to own a socket, held until dropped. The system releases it with
/// the process, however that ends. The file stays: removing it would let two
/// daemons lock two files of one name.
#[derive(Debug)]
pub struct SocketLock {
    _file: File,
}

/// Locks `<name>.lock` in `dir`, at once or not at all.
pub(super) fn lock(dir: &PrivateDir, socket: &Path, name: &OsStr) -> Result<SocketLock, BindError> {
    let failed = |source: std::io::Error| {
        let path = socket.with_file_name(lock_name(name));
        // One of root's, say, which cannot be opened.
        match quilt_trust::judge(&path, Role::State) {
            Err(why) if why.is_about_others() => BindError::Distrusted { why },
            _ => BindError::Lock { path, source },
        }
    };
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = openat(dir, lock_name(name), flags, Mode::RUSR | Mode::WUSR)
        .map_err(|errno| failed(errno.into()))?;
    let stat = fstat(&fd).map_err(|errno| failed(errno.into()))?;
    let is_ours = stat.st_uid == geteuid().as_raw();
    if !is_ours || FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(failed(Errno::INVAL.into()));
    }
    let file = File::from(fd);
    match file.try_lock() {
        Ok(()) => {
            // Whoever finds the socket gone can still find the daemon. It works
            // as well on a full disk.
            let _ = file
                .set_len(0)
                .and_then(|()| writeln!(&file, "{}", std::process::id()));
            Ok(SocketLock { _file: file })
        }
        Err(TryLockError::WouldBlock) => Err(BindError::AlreadyRunning {
            path: socket.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn lock_name(name: &OsStr) -> OsString {
    let mut file = name.to_owned();
    file.push(".lock");
    file
}
