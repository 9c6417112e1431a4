//! The control socket as a file: checked directory, lock, safe replacement of a
//! stale one, and its removal.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use quilt_proto::{LONGEST_SOCKET_PATH, SocketAddress};
use rustix::fs::{AtFlags, FileType, Mode, Stat, chmodat, renameat, statat, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::BindError;
use super::Watch;
use super::directory::PrivateDir;
use super::is_listening::{self, Answer};
use super::socket_lock::{SocketLock, lock};

/// A listening control socket. Dropping it stops listening, and removes the
/// file if this process made it.
#[derive(Debug)]
pub struct ControlSocket {
    // Declared before the listener: the name goes first, so that nobody finds a
    // socket that refuses.
    file: Option<SocketFile>,
    listener: UnixListener,
    path: PathBuf,
}

impl ControlSocket {
    /// The path clients connect to.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether this process made the socket file, and will remove it.
    pub fn owns_file(&self) -> bool {
        self.file.is_some()
    }

    /// What sees the file go, where this process made it.
    pub fn watch(&self) -> Option<Watch> {
        // As it was made: by now it may be gone already.
        let made = &self.file.as_ref()?.stat;
        Some(Watch {
            path: self.path.clone(),
            inode: made.st_ino,
        })
    }

    /// A socket somebody else made and will remove.
    pub(super) fn activated(listener: UnixListener, path: PathBuf) -> Self {
        Self {
            file: None,
            listener,
            path,
        }
    }

    pub(super) fn listener(&self) -> &UnixListener {
        &self.listener
    }
}

/// Binds `path` for this process alone.
///
/// The socket is born under another name in its 0700 directory, gets mode 0600
/// there, and then takes its name by a rename. So the name never leads to a
/// socket that is looser or does not listen yet, a stale one is replaced in one
/// step, and no process-wide umask is involved.
pub fn bind(path: &Path) -> Result<(ControlSocket, SocketLock), BindError> {
    bind_in(path, PrivateDir::open)
}

/// The same in a directory that nobody makes anew once it is gone.
pub(super) fn bind_where_one_is(path: &Path) -> Result<(ControlSocket, SocketLock), BindError> {
    bind_in(path, PrivateDir::existing)
}

fn bind_in(
    path: &Path,
    open: impl FnOnce(&Path) -> Result<PrivateDir, BindError>,
) -> Result<(ControlSocket, SocketLock), BindError> {
    let path = &std::path::absolute(path).map_err(|_| BindError::NotAFile(path.to_owned()))?;
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(BindError::NotAFile(path.clone()));
    };
    let birth = birth_name(name);
    if !SocketAddress::is_possible(&path.with_file_name(&birth)) {
        return Err(BindError::TooLong {
            path: path.clone(),
            length: path.as_os_str().len(),
            // One byte is for the name under which it is born.
            longest: LONGEST_SOCKET_PATH - 1,
        });
    }
    let dir = open(dir)?;
    let lock = lock(&dir, path, name)?;
    refuse_unless_free(&dir, path, name)?;
    let (listener, stat) = listen_under(&dir, path, &birth)?;
    renameat(&dir, birth, &dir, name).map_err(failed("name", path))?;
    let file = SocketFile {
        dir,
        name: name.to_owned(),
        stat,
    };
    let socket = ControlSocket {
        file: Some(file),
        listener,
        path: path.clone(),
    };
    Ok((socket, lock))
}

/// Passes if nothing is at `name`, or only what a dead daemon left there.
fn refuse_unless_free(dir: &PrivateDir, path: &Path, name: &OsStr) -> Result<(), BindError> {
    let Some(stat) = look(dir, name).map_err(failed("look at", path))? else {
        return Ok(());
    };
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Socket => return refuse_unless_stale(path),
        FileType::Symlink => "symlink",
        FileType::Directory => "directory",
        FileType::RegularFile => "plain file",
        _ => "device or pipe",
    };
    Err(BindError::NotASocket {
        path: path.to_owned(),
        kind,
    })
}

fn refuse_unless_stale(path: &Path) -> Result<(), BindError> {
    match is_listening::probe(path) {
        Ok(Answer::Stale) => Ok(()),
        Ok(Answer::Alive) => Err(BindError::InUse(path.to_owned())),
        Err(error) => Err(failed("probe", path)(error)),
    }
}

/// Listens under `name`, mode 0600, and proves that the file is in `dir`.
fn listen_under(
    dir: &PrivateDir,
    path: &Path,
    name: &OsStr,
) -> Result<(UnixListener, Stat), BindError> {
    let birth = path.with_file_name(name);
    match look(dir, name).map_err(failed("look at", &birth))? {
        // A daemon that died between two steps left it; the lock is ours now.
        Some(stat) if is_socket(&stat) => {
            unlinkat(dir, name, AtFlags::empty()).map_err(failed("remove", &birth))?;
        }
        Some(_) => {
            return Err(BindError::NotASocket {
                path: birth,
                kind: "file in the way",
            });
        }
        None => {}
    }
    let address = SocketAddress::of(&birth).map_err(failed("bind", path))?;
    let listener = UnixListener::bind(address.path()).map_err(failed("bind", path))?;
    // Binding goes by path: look through the checked descriptor whether it
    // arrived there, before anyone is served.
    match look(dir, name).map_err(failed("look at", &birth))? {
        Some(stat) if is_socket(&stat) && stat.st_uid == geteuid().as_raw() => {
            chmodat(dir, name, Mode::RUSR | Mode::WUSR, AtFlags::empty())
                .map_err(failed("protect", &birth))?;
            Ok((listener, stat))
        }
        _ => Err(BindError::Moved(path.to_owned())),
    }
}

fn look(dir: &PrivateDir, name: &OsStr) -> Result<Option<Stat>, Errno> {
    match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

fn is_socket(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Socket
}

fn failed<E: Into<io::Error>>(step: &'static str, path: &Path) -> impl FnOnce(E) -> BindError {
    let path = path.to_owned();
    move |source| BindError::System {
        step,
        path,
        source: source.into(),
    }
}

fn birth_name(name: &OsStr) -> OsString {
    let mut birth = name.to_owned();
    birth.push("~");
    birth
}

/// The socket's file, removed on drop unless it is no longer ours.
#[derive(Debug)]
struct SocketFile {
    dir: PrivateDir,
    name: OsString,
    stat: Stat,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = matches!(
            look(&self.dir, &self.name),
            Ok(Some(stat)) if (stat.st_dev, stat.st_ino) == (self.stat.st_dev, self.stat.st_ino)
        );
        if ours && let Err(errno) = unlinkat(&self.dir, &self.name, AtFlags::empty()) {
            tracing::warn!(name = ?self.name, error = %errno, "cannot remove the socket");
        }
    }
}

#[cfg(test)]
mod tests;
