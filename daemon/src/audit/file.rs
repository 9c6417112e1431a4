//! `audit.jsonl`: only ever appended to. When it has grown, its lines join the
//! older ones in `audit.jsonl.1`, of which as many stay as fit.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use quilt_proto::wire::AuditEntry;
use quilt_proto::{Timestamp, state_files};
use quilt_trust::{Access, Role, inode};

use super::program_shares;
use crate::files::{self, FileError};

/// How long either file gets, in bytes: at most twice this much is on the disk,
/// and half as much more for a moment.
pub(super) const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// What is tried with it, as its failures say it.
pub(super) const WRITE: &str = "write to";

/// The longest text that somebody else chose, in bytes.
const MAX_TEXT: usize = 512;

/// How long another daemon may take to make room.
const TIMEOUT: Duration = Duration::from_secs(2);

pub(super) struct AuditFile {
    path: PathBuf,
    open: Option<File>,
    /// The last line may have been cut off.
    torn: bool,
    complained: bool,
    failure: SharedFailure,
}

/// Why the last line could not be written, for whoever asks.
pub(super) type SharedFailure = Arc<Mutex<Option<Failure>>>;

#[derive(Clone)]
pub(super) struct Failure {
    pub(super) error: FileError,
    /// The file could not even be opened: whether it can is seen by trying.
    pub(super) is_of_opening: bool,
}

impl AuditFile {
    pub(super) fn new(dir: &Path) -> Self {
        Self {
            path: dir.join(state_files::AUDIT),
            open: None,
            torn: false,
            complained: false,
            failure: SharedFailure::default(),
        }
    }

    pub(super) fn failure(&self) -> SharedFailure {
        Arc::clone(&self.failure)
    }

    fn note_failure(&self, error: Option<FileError>) {
        let failure = error.map(|error| Failure {
            error,
            is_of_opening: !opens(&self.path),
        });
        *self.failure.lock() = failure;
    }

    /// Sees whether lines could be written to what there is.
    pub(super) fn try_open(&mut self) {
        if self.path.symlink_metadata().is_ok() {
            let opened = open(&self.path);
            let failure = opened.map_err(|error| FileError::of(WRITE, &self.path, &error));
            self.note_failure(failure.err());
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn older(&self) -> PathBuf {
        self.path.with_file_name(state_files::AUDIT_OLDER)
    }

    /// What has grown, on its way to the older lines.
    fn full(&self) -> PathBuf {
        self.path.with_file_name(state_files::AUDIT_FULL)
    }

    /// Writes a line. What cannot be written is lost, and said once.
    pub(super) fn append(&mut self, entry: &AuditEntry) {
        match self.try_append(entry) {
            Ok(()) => {
                self.complained = false;
                self.note_failure(None);
            }
            Err(error) => {
                // Opened anew next time, in case the file was taken away.
                self.open = None;
                let failure = FileError::of(WRITE, &self.path, &error);
                if !self.complained {
                    tracing::warn!("{failure}");
                }
                self.complained = true;
                self.note_failure(Some(failure));
            }
        }
    }

    fn try_append(&mut self, entry: &AuditEntry) -> io::Result<()> {
        let mut line = if self.torn { vec![b'\n'] } else { Vec::new() };
        serde_json::to_writer(&mut line, &bounded(entry))?;
        line.push(b'\n');
        let is_full = |file: &File| {
            let about = file.metadata()?;
            io::Result::Ok(about.len() + line.len() as u64 > MAX_BYTES)
        };
        let mut file = self.hold()?;
        if is_full(&file)? {
            drop(file);
            let made = self.make_room();
            file = self.hold()?;
            // Another daemon that is slow to join the lines has set them aside.
            if is_full(&file)? {
                made?;
            }
        }
        self.torn = true;
        let written = file.write_all(&line);
        let _ = file.unlock();
        self.open = Some(file);
        written?;
        self.torn = false;
        Ok(())
    }

    /// The file of this name, held so that nobody who sets it aside passes over
    /// what is written to it now.
    fn hold(&mut self) -> io::Result<File> {
        // Whoever holds all of it for good keeps nobody from writing.
        for _ in 0..3 {
            let file = match self.open.take() {
                Some(file) => file,
                None => open(&self.path)?,
            };
            if file.try_lock_shared().is_ok() && self.is_named(&file)? {
                return Ok(file);
            }
        }
        open(&self.path)
    }

    /// Whether a file is still the one of this name: another daemon may have set
    /// it aside.
    fn is_named(&self, file: &File) -> io::Result<bool> {
        let (ours, named) = (file.metadata()?, fs::metadata(&self.path));
        Ok(named.is_ok_and(|named| inode(&named) == inode(&ours)))
    }

    /// Sets the lines so far aside, to the older ones. Only one daemon does so
    /// at a time; whoever was second finds it done.
    fn make_room(&self) -> io::Result<()> {
        // Whoever keeps it for good is waited for once.
        let timeout = if self.complained {
            Duration::ZERO
        } else {
            TIMEOUT
        };
        let _lock =
            files::lock_within(&self.path.with_file_name(state_files::AUDIT_LOCK), timeout)?;
        let is_full = fs::metadata(&self.path).is_ok_and(|found| found.len() > MAX_BYTES / 2);
        // Left by a daemon that was killed here; what it had joined is there twice.
        if self.full().exists() {
            self.join(true)?;
        }
        if is_full {
            fs::rename(&self.path, self.full())?;
            // Another daemon may be writing its line there.
            let _written = files::lock_within(&self.full(), timeout);
            self.join(false)?;
        }
        Ok(())
    }

    fn join(&self, again: bool) -> io::Result<()> {
        let (before, added) = (text(&self.older())?, text(&self.full())?);
        let mut lines: Vec<&[u8]> = lines(&before).collect();
        let known = if again { lines.len() } else { 0 };
        let known: std::collections::HashSet<&[u8]> = lines[..known].iter().copied().collect();
        lines.extend(self::lines(&added).filter(|line| !known.contains(line)));
        let room = usize::try_from(MAX_BYTES).unwrap_or(usize::MAX);
        let mut kept = program_shares::keep(&lines, room).join(&b'\n');
        kept.push(b'\n');
        files::replace_private(&self.older(), &kept)?;
        fs::remove_file(self.full())
    }

    /// Entries since a time, in order of time: a line is written when its event
    /// is over or its repeats are gathered, which may be after later ones. Lines
    /// that are none are passed over.
    pub(super) fn read(&self, since: Option<Timestamp>) -> io::Result<Vec<AuditEntry>> {
        let mut entries = Vec::new();
        for path in [&self.older(), &self.full(), &self.path] {
            let text = text(path)?;
            let parsed =
                lines(&text).filter_map(|line| serde_json::from_slice::<AuditEntry>(line).ok());
            entries.extend(parsed.filter(|entry| since.is_none_or(|since| entry.time >= since)));
        }
        entries.sort_by_key(|entry| entry.time);
        Ok(entries)
    }
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
}

fn text(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    if let Some(file) = quilt_trust::open(path, Role::State, Access::Read)? {
        file.take(2 * MAX_BYTES).read_to_end(&mut text)?;
    }
    Ok(text)
}

/// Whether lines can be written to what there is, if the disk has room.
pub(super) fn opens(path: &Path) -> bool {
    open(path).is_ok()
}

/// Opens or makes the log. A state directory that was taken away is not made
/// anew for it: the logins that were in it would seem to be over.
fn open(path: &Path) -> io::Result<File> {
    if let Some(dir) = path.parent() {
        quilt_trust::check_dir(dir)?;
    }
    let file = quilt_trust::open_or_make(path, Role::State, Access::Append)?;
    Ok(file)
}

/// The entry with what is long in it cut: of a path the end says most.
fn bounded(entry: &AuditEntry) -> AuditEntry {
    let short = |text: &String| text.len() <= MAX_TEXT;
    let start = |text: String| {
        if short(&text) {
            text
        } else {
            format!("{}…", &text[..text.floor_char_boundary(MAX_TEXT)])
        }
    };
    let end = |text: String| {
        if short(&text) {
            text
        } else {
            let from = text.ceil_char_boundary(text.len() - MAX_TEXT);
            format!("…{}", &text[from..])
        }
    };
    let entry = entry.clone();
    AuditEntry {
        catalog_url: entry.catalog_url.map(start),
        profile: entry.profile.map(start),
        request: entry.request.map(start),
        program: entry.program.map(end),
        script: entry.script.map(start),
        ..entry
    }
}
