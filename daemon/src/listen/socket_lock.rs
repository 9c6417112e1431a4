//! One daemon per socket: a lock file beside it, locked for the daemon's life.

use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::Path;

use quilt_proto::instance;
use quilt_trust::{Distrust, Held, Role};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, openat, statat, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::BindError;
use super::directory::PrivateDir;

/// The right to own a socket, held until dropped. The system releases it with
/// the process, however that ends. The file goes while it is still locked, and
/// whoever locks one that is gone looks again: so nobody owns a name of no file.
#[derive(Debug)]
pub struct SocketLock {
    dir: PrivateDir,
    name: OsString,
    _file: File,
}

impl Drop for SocketLock {
    fn drop(&mut self) {
        // Its directory may be gone already.
        let _ = unlinkat(&self.dir, &self.name, AtFlags::empty());
    }
}

/// Locks `<name>.lock` in `dir`, at once or not at all.
pub(super) fn lock(dir: &PrivateDir, socket: &Path, name: &OsStr) -> Result<SocketLock, BindError> {
    let failed = |source: io::Error| {
        let path = instance::socket_lock(socket);
        // One of root's, say, which cannot be opened.
        match quilt_trust::judge(&path, Role::State) {
            Err(why @ Distrust::Kind { .. }) => BindError::Distrusted(why),
            Err(why) if why.is_about_others() => BindError::Distrusted(why),
            _ => BindError::Lock { path, source },
        }
    };
    let held = dir.try_clone().map_err(failed)?;
    let name = instance::socket_lock(Path::new(name)).into_os_string();
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    loop {
        let fd = openat(dir, &name, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|errno| failed(errno.into()))?;
        let stat = fstat(&fd).map_err(|errno| failed(errno.into()))?;
        let Some(file) = take(File::from(fd), &stat, socket, &failed)? else {
            continue;
        };
        let there = statat(dir, &name, AtFlags::SYMLINK_NOFOLLOW);
        if there.is_ok_and(|there| (there.st_dev, there.st_ino) == (stat.st_dev, stat.st_ino)) {
            return Ok(SocketLock {
                dir: held,
                name,
                _file: file,
            });
        }
    }
}

fn take(
    file: File,
    stat: &Stat,
    socket: &Path,
    failed: &impl Fn(io::Error) -> BindError,
) -> Result<Option<File>, BindError> {
    let is_ours = stat.st_uid == geteuid().as_raw();
    if !is_ours || FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(failed(Errno::INVAL.into()));
    }
    match file.try_lock() {
        Ok(()) => {
            // Whoever finds the socket gone can still find the daemon. It works
            // as well on a full disk.
            let _ = file
                .set_len(0)
                .and_then(|()| writeln!(&file, "{}", std::process::id()));
            Ok(Some(file))
        }
        Err(TryLockError::WouldBlock) => {
            let held = Held::look(&instance::socket_lock(socket));
            if held.take_from_others(&file).map_err(failed)? {
                tracing::warn!("{held}: another file has its place now");
                return Ok(None);
            }
            Err(BindError::AlreadyRunning(socket.to_owned()))
        }
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}
