//! Opens files that are believed. Those of the program's own are closed to
//! others on the way, where their mode was wider.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::close_to_others::close_to_others;
use super::path_walk::walk;
use super::{Distrust, Role, is_nothing, judge_file};

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To be read; it may be missing.
    Read,
    /// To be appended to; made where it is missing.
    Append,
    /// To be locked, and written to in place; made where it is missing.
    Lock,
}

/// Opens a file that is believed; nothing where there is none to read.
pub fn open(path: &Path, role: Role, access: Access) -> Result<Option<File>, Distrust> {
    let way = walk(path, role == Role::Shared)?;
    if role == Role::Shared && access == Access::Read && is_nothing(&way) {
        return Ok(None);
    }
    if let Some(found) = &way.found {
        // Said before it is opened: opening a pipe or a device does things.
        judge_file(&way.real, found, role)?;
    } else if access == Access::Read {
        return Ok(None);
    }
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut options = OpenOptions::new();
    match access {
        Access::Read => options.read(true),
        Access::Append => options.append(true).create(true),
        Access::Lock => options.read(true).write(true).create(true).truncate(false),
    };
    let opened = options
        .mode(0o600)
        .custom_flags(flags.bits().cast_signed())
        .open(&way.real);
    let file = match opened {
        Err(error) if access == Access::Read && error.kind() == io::ErrorKind::NotFound => {
            return Ok(None);
        }
        opened => opened.map_err(|error| Distrust::io("open", &way.real, &error))?,
    };
    let found = file
        .metadata()
        .map_err(|error| Distrust::io("look at", &way.real, &error))?;
    judge_file(&way.real, &found, role)?;
    if role == Role::State {
        close_to_others(&way.real, &file, &found)?;
    }
    Ok(Some(file))
}

/// As [`open`], for a file that is made where it is missing.
pub fn open_or_make(path: &Path, role: Role, access: Access) -> Result<File, Distrust> {
    open(path, role, access)?.ok_or_else(|| Distrust::missing("open", path))
}

/// Opens what others may keep, to be read: neither a pipe nor a lease of theirs
/// (fcntl(2)) is waited for.
pub fn open_at_once(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}
