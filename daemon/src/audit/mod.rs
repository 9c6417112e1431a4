//! Which local process got what, when: `audit.jsonl` in the state directory.
//!
//! Lines say who and what, never a secret. A thread of its own writes them, so
//! that a slow or full disk neither delays nor fails whoever gets a token;
//! equal events within a minute are counted as they come, and become one line.

mod event;
mod file;
mod program_shares;
mod tally;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use parking_lot::Mutex;
use quilt_proto::wire::AuditEntry;
use quilt_proto::{Timestamp, quoted};
use tokio::sync::oneshot;

pub use self::event::Event;
use self::file::{AuditFile, Failure, SharedFailure, WRITE, opens};
use self::tally::Tally;
use self::writer::{WriterMessage, run};
use crate::files::{self, FileError};

/// Events that may wait to be written; more are dropped, and counted.
const BACKLOG: usize = 1024;

/// Why the audit log cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot read {}: {reason}", quoted::path(path))]
pub struct AuditError {
    path: PathBuf,
    reason: String,
}

/// The audit log. Cheap to clone.
#[derive(Clone)]
pub struct AuditLog {
    path: PathBuf,
    orders: Option<SyncSender<WriterMessage>>,
    tally: Arc<Mutex<Tally>>,
    dropped: Arc<AtomicU64>,
    recorded: Arc<AtomicU64>,
    failure: SharedFailure,
}

impl AuditLog {
    /// A log in `dir`, which is made when the first line is written.
    pub fn open(dir: &Path) -> Self {
        let (orders, inbox) = sync_channel(BACKLOG);
        let mut file = AuditFile::new(dir);
        // Before anybody asks what is amiss.
        file.try_open();
        let path = file.path().to_owned();
        let failure = file.failure();
        let tally = Arc::<Mutex<Tally>>::default();
        let counted = Arc::clone(&tally);
        let started = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || run(file, &inbox, &counted));
        if let Err(error) = &started {
            tracing::warn!("nothing is audited: {error}");
            *failure.lock() = Some(Failure {
                error: FileError::of(WRITE, &path, error),
                is_of_opening: false,
            });
        }
        Self {
            path,
            orders: started.is_ok().then_some(orders),
            tally,
            dropped: Arc::default(),
            recorded: Arc::default(),
            failure,
        }
    }

    /// Notes an event; never waits and never fails.
    pub fn record(&self, event: &Event<'_>) {
        self.recorded.fetch_add(1, Ordering::Relaxed);
        let mut tally = self.tally.lock();
        let Some(line) = tally.count(event) else {
            return;
        };
        let count = line.count;
        let send = |orders: &SyncSender<WriterMessage>| {
            orders.try_send(WriterMessage::Record(line)).is_ok()
        };
        if self.orders.as_ref().is_some_and(send) {
            return;
        }
        tally.forget(event);
        drop(tally);
        if self.dropped.fetch_add(count, Ordering::Relaxed) == 0 {
            tracing::warn!("events are not audited: too many at once");
        }
    }

    /// Why what was last noted could not be written, if it could not, and that
    /// is not mended since.
    pub fn failure(&self) -> Option<FileError> {
        let failure = self.failure.lock().clone()?;
        let is_mended = failure.is_of_opening && opens(&self.path);
        (!is_mended).then_some(failure.error)
    }

    /// Whether this is the same log, and not only of the same file.
    #[cfg(test)]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.tally, &other.tally)
    }

    /// Events so far.
    pub fn recorded(&self) -> u64 {
        self.recorded.load(Ordering::Relaxed)
    }

    /// Events that were too many to be noted.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Every entry since a time, oldest first.
    pub async fn read(&self, since: Option<Timestamp>) -> Result<Vec<AuditEntry>, AuditError> {
        let fail = |reason: &str| AuditError {
            path: self.path.clone(),
            reason: reason.to_owned(),
        };
        let Some(orders) = self.orders.clone() else {
            return Err(fail("it is not written"));
        };
        let (answer, answered) = oneshot::channel();
        let asked = tokio::task::spawn_blocking(move || {
            orders.send(WriterMessage::Read(since, answer)).is_ok()
        });
        if !matches!(asked.await, Ok(true)) {
            return Err(fail("it is no longer written"));
        }
        match answered.await {
            Ok(Ok(entries)) => Ok(entries),
            Ok(Err(error)) => Err(fail(&files::words(&error))),
            Err(_) => Err(fail("it is no longer written")),
        }
    }

    /// Waits until everything noted so far is in the file.
    pub async fn finish(&self) {
        drop(self.read(Some(Timestamp::from_unix(i64::MAX))).await);
    }
}

#[cfg(test)]
mod tests;
