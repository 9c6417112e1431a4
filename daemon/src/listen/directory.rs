//! The directory a socket lives in: ours, 0700, not a symlink, and nobody
//! else's to replace.

use std::fs::DirBuilder;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, fstat, lstat, open};
use rustix::process::geteuid;

use super::BindError;

fn below_what_is_ours(dir: &Path) -> Result<(), BindError> {
    match quilt_trust::locate(dir) {
        Err(why) if why.is_about_others() => Err(BindError::Distrusted(why)),
        _ => Ok(()),
    }
}

/// An open directory that passed every check. Names are resolved against its
/// descriptor, so that swapping the path afterwards changes nothing.
#[derive(Debug)]
pub(super) struct PrivateDir(OwnedFd);

impl PrivateDir {
    /// Opens `dir`, creating it (and its parents) with mode 0700 where missing.
    /// Nothing is created below what is somebody else's.
    pub(super) fn open(dir: &Path) -> Result<Self, BindError> {
        below_what_is_ours(dir)?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .or_else(|source| {
                // What is already there is judged below, with a better message.
                match source.kind() {
                    io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => Ok(()),
                    _ => Err(BindError::CreateDirectory {
                        dir: dir.to_owned(),
                        source,
                    }),
                }
            })?;
        Self::as_it_is(dir)
    }

    /// The same where it has to be there.
    pub(super) fn existing(dir: &Path) -> Result<Self, BindError> {
        below_what_is_ours(dir)?;
        Self::as_it_is(dir)
    }

    fn as_it_is(dir: &Path) -> Result<Self, BindError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = open(dir, flags, Mode::empty()).map_err(|errno| refusal(dir, errno.into()))?;
        let stat = fstat(&fd).map_err(|errno| refusal(dir, errno.into()))?;
        let uid = geteuid().as_raw();
        if stat.st_uid != uid {
            return Err(BindError::DirectoryForeign {
                dir: dir.to_owned(),
                owner: stat.st_uid,
                uid,
            });
        }
        let mode = Mode::from_raw_mode(stat.st_mode);
        if mode.intersects(Mode::RWXG | Mode::RWXO) {
            return Err(BindError::DirectoryLoose {
                dir: dir.to_owned(),
                mode,
            });
        }
        Ok(Self(fd))
    }

    /// The same directory, held for longer.
    pub(super) fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }
}

impl AsFd for PrivateDir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Why the directory did not open. Systems disagree on the error for a symlink
/// here, so the words come from a second look; the refusal does not.
fn refusal(dir: &Path, source: io::Error) -> BindError {
    let dir = dir.to_owned();
    match lstat(&dir).map(|stat| FileType::from_raw_mode(stat.st_mode)) {
        Ok(FileType::Symlink) => BindError::DirectorySymlink(dir),
        Ok(FileType::Directory) | Err(_) => BindError::OpenDirectory { dir, source },
        Ok(_) => BindError::NotADirectory(dir),
    }
}
