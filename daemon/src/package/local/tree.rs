//! Directories below a root, opened step by step without following links.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use quilt_trust::sockets::is_known;
use quilt_trust::{MOST_LINKS, names};
use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, Stat, open, openat, readlinkat, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::getuid;

const FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

/// Of a directory that is only passed through, which not everybody may read.
#[cfg(target_os = "linux")]
const WAY: OFlags = FLAGS.union(OFlags::PATH).union(OFlags::NOFOLLOW);
#[cfg(not(target_os = "linux"))]
const WAY: OFlags = FLAGS.union(OFlags::NOFOLLOW);

/// How deep folders may lie in a package's: more than anybody needs. Whoever may
/// write there could make any number, of which each is held open while the next
/// is looked into.
const DEEPEST: usize = 64;

/// An open directory.
#[derive(Debug)]
pub(super) struct Folder(OwnedFd);

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Folder {
    /// Opens a folder below `root`; the way to the root itself may have links,
    /// of this user's and root's. `None` where there is none.
    pub(super) fn open(root: &Path, folder: &str) -> io::Result<Option<Self>> {
        let mut opened = open_root(root);
        for part in folder.split('/').filter(|part| !part.is_empty()) {
            let parent = match opened {
                Ok(parent) if part != ".." && part != "." => parent,
                Ok(_) => return Err(Errno::INVAL.into()),
                Err(_) => break,
            };
            opened = step(&parent, part);
        }
        match opened {
            Ok(folder) => Ok(Some(Self(folder))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the folder a key lies in; also answers with the rest of the key.
    pub(super) fn of<'k>(root: &Path, key: &'k str) -> io::Result<(Self, &'k str)> {
        let (folder, name) = key.rsplit_once('/').unwrap_or(("", key));
        let folder = Self::open(root, folder)?.ok_or(io::ErrorKind::NotFound)?;
        Ok((folder, name))
    }

    /// Names and kinds of what is in it; names that are no text are left out.
    pub(super) fn entries(
        &self,
    ) -> io::Result<impl Iterator<Item = io::Result<(String, FileType)>>> {
        let dir = Dir::read_from(self)?;
        let holder = self.0.try_clone()?;
        Ok(dir.filter_map(move |entry| {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => return Some(Err(error.into())),
            };
            let name = entry.file_name().to_str().ok()?.to_owned();
            if name == "." || name == ".." {
                return None;
            }
            let kind = match entry.file_type() {
                FileType::Unknown => {
                    match statat(&holder, name.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
                        Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                        Err(Errno::NOENT) => return None,
                        Err(error) => return Some(Err(error.into())),
                    }
                }
                kind => kind,
            };
            Some(Ok((name, kind)))
        }))
    }

    /// The keys of all that is no folder, at any depth. A link is an entry.
    pub(super) fn walk(
        &self,
        key: &str,
        found: &mut dyn FnMut(String) -> io::Result<()>,
    ) -> io::Result<()> {
        self.walk_to(DEEPEST, key, found)
    }

    fn walk_to(
        &self,
        depth: usize,
        key: &str,
        found: &mut dyn FnMut(String) -> io::Result<()>,
    ) -> io::Result<()> {
        for entry in self.entries()? {
            let (name, kind) = entry?;
            let inner = format!("{key}/{name}");
            if kind == FileType::Directory {
                Self(step(&self.0, &name)?).walk_to(deeper(depth)?, &inner, found)?;
            } else {
                found(inner)?;
            }
        }
        Ok(())
    }

    /// Removes the folders in it that hold nothing but such folders.
    pub(super) fn clear(&self) -> io::Result<()> {
        self.clear_to(DEEPEST)
    }

    fn clear_to(&self, depth: usize) -> io::Result<()> {
        for entry in self.entries()? {
            let (name, kind) = entry?;
            if kind == FileType::Directory {
                Self(step(&self.0, &name)?).clear_to(deeper(depth)?)?;
                unless_full(unlinkat(&self.0, name.as_str(), AtFlags::REMOVEDIR))?;
            }
        }
        Ok(())
    }
}

/// One folder further down.
fn deeper(depth: usize) -> io::Result<usize> {
    let too_deep = || {
        let reason = format!("its folders are more than {DEEPEST} deep");
        io::Error::new(io::ErrorKind::InvalidData, reason)
    };
    depth.checked_sub(1).ok_or_else(too_deep)
}

/// Removes a folder below `root` unless something is in it; it may be gone.
pub(super) fn remove_empty(root: &Path, folder: &str) -> io::Result<()> {
    let (parent, name) = folder.rsplit_once('/').unwrap_or(("", folder));
    match Folder::open(root, parent)? {
        Some(parent) => unless_full(unlinkat(&parent, name, AtFlags::REMOVEDIR)),
        None => Ok(()),
    }
}

/// Opens a directory by a way on which no link is another user's, nor one that
/// another could put in the place of another: that leads where he likes, also
/// into what is this user's alone.
fn open_root(root: &Path) -> Result<OwnedFd, Errno> {
    if root.as_os_str().as_bytes().contains(&0) {
        return Err(Errno::INVAL);
    }
    let mut left = names(root);
    let mut here = open("/", WAY, Mode::empty())?;
    let mut real = PathBuf::from("/");
    let mut links = 0;
    // Whether others could not have moved what lies there.
    let mut is_firm = true;
    while let Some(name) = left.pop_front() {
        is_firm = is_firm && is_ours_alone(&real, &here)?;
        let found = statat(&here, name.as_os_str(), AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(found.st_mode) != FileType::Symlink {
            here = openat(&here, name.as_os_str(), WAY, Mode::empty())?;
            if name == ".." {
                real.pop();
            } else {
                real.push(name);
            }
            continue;
        }
        links += 1;
        if links > MOST_LINKS || !is_firm || !is_ours(&found) {
            return Err(Errno::LOOP);
        }
        let target = readlinkat(&here, name.as_os_str(), Vec::new())?;
        let target = Path::new(OsStr::from_bytes(target.as_bytes()));
        if target.is_absolute() {
            here = open("/", WAY, Mode::empty())?;
            real = PathBuf::from("/");
        }
        for name in names(target).into_iter().rev() {
            left.push_front(name);
        }
    }
    openat(&here, ".", FLAGS, Mode::empty())
}

/// Whether something is this user's, or root's.
fn is_ours(found: &Stat) -> bool {
    [0, getuid().as_raw()].contains(&found.st_uid) && is_known(found.st_uid)
}

/// Whether nobody else may move what lies in a directory.
fn is_ours_alone(real: &Path, dir: &OwnedFd) -> Result<bool, Errno> {
    let found = dir.try_clone().and_then(|dir| File::from(dir).metadata());
    let found = found.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    Ok(quilt_trust::is_firm(real, &found))
}

fn step(parent: &OwnedFd, name: &str) -> Result<OwnedFd, Errno> {
    openat(parent, name, FLAGS | OFlags::NOFOLLOW, Mode::empty()).map_err(|error| match error {
        // Linux says so of a link where a directory is wanted.
        Errno::NOTDIR if is_link(parent, name) => Errno::LOOP,
        // A file where a folder is expected: there is no such folder.
        Errno::NOTDIR => Errno::NOENT,
        error => error,
    })
}

fn is_link(parent: &OwnedFd, name: &str) -> bool {
    statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
}

fn unless_full(removed: Result<(), Errno>) -> io::Result<()> {
    match removed {
        Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// When something was changed, to the microsecond the SDK rounds to.
pub(super) fn modified(stat: &Stat) -> i64 {
    #[allow(clippy::useless_conversion, reason = "the width differs by system")]
    let (seconds, nanos) = (i64::from(stat.st_mtime), i64::try_from(stat.st_mtime_nsec));
    seconds * 1_000_000 + (nanos.unwrap_or(0) + 500) / 1000
}
