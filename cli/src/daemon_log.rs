//! What a daemon that was started here writes to its standard error.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use quilt_proto::{Quoted, locations, state_files};
use quilt_trust::{Access, Role};

use crate::files;

/// How much of the log's end is searched for the daemon's last words, in bytes.
const TAIL: u64 = 16 * 1024;

/// The daemon's log in its state directory, and where it is.
pub(crate) fn open() -> io::Result<(PathBuf, File)> {
    let dir = locations::state_dir().map_err(io::Error::other)?;
    files::create_private_dir(&dir)?;
    let path = dir.join(state_files::LOG);
    let log = quilt_trust::open_or_make(&path, Role::State, Access::Append)?;
    Ok((path, log))
}

/// The last line the daemon wrote to its log, from `start` on.
pub(crate) fn last_words(log: &Path, start: u64) -> Option<Quoted> {
    let mut log = File::open(log).ok()?;
    let end = log.metadata().ok()?.len();
    let start = SeekFrom::Start(start.max(end.saturating_sub(TAIL)));
    log.seek(start).ok()?;
    let mut bytes = Vec::new();
    log.take(TAIL).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
    Some(Quoted::new(line))
}
