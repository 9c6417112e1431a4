//! `audit.jsonl`: only ever appended to, and begun anew when it has grown.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use quilt_proto::Timestamp;
use quilt_proto::wire::AuditEntry;
use quilt_trust::{Access, Role};

use crate::files;

/// A file larger than this is set aside, in bytes. One is kept: at most twice
/// this much is on the disk.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

pub(super) struct AuditFile {
    path: PathBuf,
    open: Option<File>,
    /// The last line may have been cut off.
    torn: bool,
    complained: bool,
}

impl AuditFile {
    pub(super) fn new(dir: &Path) -> Self {
        Self {
            path: dir.join("audit.jsonl"),
            open: None,
            torn: false,
            complained: false,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn older(&self) -> PathBuf {
        self.path.with_extension("jsonl.1")
    }

    /// Writes a line. What cannot be written is lost, and said once.
    pub(super) fn append(&mut self, entry: &AuditEntry) {
        match self.try_append(entry) {
            Ok(()) => self.complained = false,
            Err(error) => {
                // Opened anew next time, in case the file was taken away.
                self.open = None;
                if !self.complained {
                    let path = self.path.display();
                    tracing::warn!("cannot write to {path}: {}", files::words(&error));
                }
                self.complained = true;
            }
        }
    }

    fn try_append(&mut self, entry: &AuditEntry) -> io::Result<()> {
        let mut line = if self.torn { vec![b'\n'] } else { Vec::new() };
        serde_json::to_writer(&mut line, entry)?;
        line.push(b'\n');
        if let Some(file) = &self.open
            && file.metadata()?.len() + line.len() as u64 > MAX_BYTES
        {
            fs::rename(&self.path, self.older())?;
            self.open = None;
        }
        let file = match &mut self.open {
            Some(file) => file,
            closed => closed.insert(open(&self.path)?),
        };
        self.torn = true;
        file.write_all(&line)?;
        self.torn = false;
        Ok(())
    }

    /// Entries since a time, in order of time: a line is written when its event
    /// is over or its repeats are gathered, which may be after later ones. Lines
    /// that are none are passed over.
    pub(super) fn read(&self, since: Option<Timestamp>) -> io::Result<Vec<AuditEntry>> {
        let mut entries = Vec::new();
        for path in [&self.older(), &self.path] {
            let mut text = Vec::new();
            match quilt_trust::open(path, Role::State, Access::Read)? {
                Some(file) => file.take(2 * MAX_BYTES).read_to_end(&mut text)?,
                None => continue,
            };
            let parsed = text
                .split(|byte| *byte == b'\n')
                .filter_map(|line| serde_json::from_slice::<AuditEntry>(line).ok());
            entries.extend(parsed.filter(|entry| since.is_none_or(|since| entry.time >= since)));
        }
        entries.sort_by_key(|entry| entry.time);
        Ok(entries)
    }
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(dir) = path.parent() {
        quilt_trust::make_dir(dir)?;
    }
    let file = quilt_trust::open_or_make(path, Role::State, Access::Append)?;
    Ok(file)
}
