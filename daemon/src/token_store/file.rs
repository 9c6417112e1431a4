//! `sessions.json`, mode 0600: written beside, synced, renamed over.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use parking_lot::Mutex;
use quilt_proto::{instance, state_files};
use quilt_trust::{Access, Others, Role};
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use super::backend::{Backend, Reservation};
use super::document::Unreadable;
use super::{Document, StoreError, StoreNote};
use crate::blocked_threads::may_block;
use crate::files::{self, FileError, Pin, Stamp, WatchedFile};

/// Room for a write, in bytes: several times what a dozen logins take.
const ROOM: usize = 64 * 1024;

/// What the document is called.
const NAME: &str = state_files::SESSIONS;

/// How the names of files being written begin.
const PREFIX: &str = state_files::SESSIONS_TEMPORARY.start;

/// A sessions file larger than this is not ours, in bytes.
pub(super) const MAX_BYTES: u64 = 4 * 1024 * 1024;

pub(super) struct FileBackend {
    dir: PathBuf,
    lookout: WatchedFile,
    notes: Mutex<Vec<StoreNote>>,
}

impl FileBackend {
    /// Over a directory that was checked. Removes what a daemon that was
    /// killed while it wrote has left behind.
    pub(super) fn new(dir: &Path) -> Self {
        sweep(dir);
        Self {
            dir: dir.to_owned(),
            lookout: WatchedFile::new(dir.join(NAME)),
            notes: Mutex::default(),
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.dir.join(NAME)
    }

    fn note(&self, note: StoreNote) {
        tracing::warn!("{note}");
        self.notes.lock().push(note);
    }

    /// Keeps an unreadable file for its owner to look at.
    fn set_aside(&self, path: &Path) -> Result<(), StoreError> {
        let kept_as =
            files::set_aside(path).map_err(|error| StoreError::io("set aside", path, &error))?;
        self.note(StoreNote::SetAside {
            file: path.to_owned(),
            kept_as,
        });
        Ok(())
    }

    /// An empty file beside the document.
    fn temporary(&self) -> Result<NamedTempFile, StoreError> {
        let fail = |error: io::Error| StoreError::io("write to", &self.dir, &error);
        files::room(&self.dir).map_err(fail)?;
        let file = tempfile::Builder::new()
            .rand_bytes(state_files::CHANCE)
            .prefix(PREFIX)
            .tempfile_in(&self.dir)
            .map_err(fail)?;
        // Says that somebody is alive behind it, see `sweep`.
        file.as_file()
            .try_lock()
            .map_err(|error| fail(error.into()))?;
        Ok(file)
    }

    fn reserve_now(&self) -> Result<NamedTempFile, StoreError> {
        let path = self.path();
        // What can be written beside it and not put in its place must show here
        // as well, and before anything is left in a directory that keeps it.
        quilt_trust::judge(&path, Role::State)?;
        if let Some(pin) = Pin::of_replaced(&path) {
            let action = "replace";
            return Err(FileError::Pinned { action, path, pin }.into());
        }
        let fail = |error: io::Error| StoreError::io("write to", &self.dir, &error);
        let mut file = self.temporary()?;
        // Written, not only seeked over: a full disk must show here, before a
        // token is rotated that could then not be stored.
        file.write_all(&vec![0; ROOM]).map_err(fail)?;
        file.as_file().sync_data().map_err(fail)?;
        Ok(file)
    }

    fn write_now(&self, text: &[u8], room: Option<NamedTempFile>) -> Result<(), StoreError> {
        let path = self.path();
        quilt_trust::judge(&path, Role::State)?;
        let mut file = room.map_or_else(|| self.temporary(), Ok)?;
        replace(&mut file, text)
            .and_then(|()| file.persist(&path).map_err(|error| error.error))
            .and_then(|_| File::open(&self.dir)?.sync_all())
            .map_err(|error| StoreError::io("write", &path, &error))
    }
}

/// Who else can read a file.
fn readers(path: &Path) -> Option<Others> {
    let is_open = path.metadata().is_ok_and(|found| found.mode() & 0o077 != 0);
    is_open.then(|| quilt_trust::readers(path))?
}

/// Removes temporary files nobody holds any more: they may hold tokens.
fn sweep(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if ours && instance::is_free(&entry.path()) {
            // Another daemon may have swept it first.
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn replace(file: &mut NamedTempFile, text: &[u8]) -> io::Result<()> {
    file.rewind()?;
    file.write_all(text)?;
    file.as_file().set_len(text.len() as u64)?;
    file.as_file().sync_all()
}

/// The file's bytes; `None` where there is none.
pub(super) fn read_file(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
    let Some(file) = quilt_trust::open(path, Role::State, Access::Read)? else {
        return Ok(None);
    };
    let read = || -> io::Result<_> {
        let mut text = Zeroizing::new(Vec::new());
        (&file).take(MAX_BYTES).read_to_end(&mut text)?;
        Ok(Some(text))
    };
    read().map_err(|error| StoreError::io("read", path, &error))
}

#[async_trait]
impl Backend for FileBackend {
    fn kind(&self) -> &'static str {
        "file"
    }

    fn notes(&self) -> Vec<StoreNote> {
        self.notes.lock().clone()
    }

    fn stamp(&self) -> Option<Stamp> {
        self.lookout.stamp()
    }

    fn file(&self) -> Option<PathBuf> {
        Some(self.path())
    }

    fn is_read_whole(&self) -> bool {
        true
    }

    // The file is a few kilobytes on a local disk; the thread pool is entered
    // where fsync may wait.
    async fn read(&self) -> Result<Document, StoreError> {
        let path = self.path();
        // Reading it closes it to others.
        let readers = readers(&path);
        let Some(text) = read_file(&path)? else {
            return Ok(Document::default());
        };
        match Document::parse(&text) {
            Ok(document) => {
                if let Some(by) = readers.filter(|_| !document.sessions.is_empty()) {
                    self.note(StoreNote::WasReadable { file: path, by });
                }
                return Ok(document);
            }
            Err(Unreadable::Newer) => return Err(StoreError::Newer(path)),
            Err(Unreadable::Broken) => {}
        }
        self.set_aside(&path)?;
        Ok(Document::default())
    }

    async fn reserve(&self) -> Result<Reservation, StoreError> {
        may_block(|| self.reserve_now()).map(|file| Reservation(Some(file)))
    }

    async fn write(&self, document: &Document, reservation: Reservation) -> Result<(), StoreError> {
        let text = serde_json::to_vec(document)
            .map(Zeroizing::new)
            .map_err(|error| {
                StoreError::io("write", self.path(), &io::Error::other(error.to_string()))
            })?;
        if text.len() as u64 > MAX_BYTES {
            return Err(StoreError::TooLarge(self.path()));
        }
        let written = may_block(|| self.write_now(&text, reservation.0));
        // Who logs in after a login was lost has mended it, and who logs out of
        // those that others may have.
        if written.is_ok() {
            let is_any = !document.sessions.is_empty();
            let mut notes = self.notes.lock();
            notes.retain(|note| matches!(note, StoreNote::WasReadable { .. }) == is_any);
        }
        match written {
            // Forgetting must work on a full disk, too.
            Err(_) if document.is_empty() => fs::remove_file(self.path())
                .map_err(|error| StoreError::io("remove", self.path(), &error)),
            written => written,
        }
    }
}
