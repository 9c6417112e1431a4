//! Where refresh tokens survive a restart: the OS keyring, a 0600 file, or
//! nowhere.
//!
//! The whole of it is one small document, read and replaced as a unit under a
//! lock that other daemons on the same state directory respect as well.

mod backend;
mod document;
mod file;
mod keyring;
mod lock;
mod memory;
mod open;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use quilt_proto::{CatalogUrl, quoted};

use self::backend::Backend;
pub use self::backend::Reservation;
pub use self::document::{Document, LoginMethod, OAuthClient, Record};
pub use self::file::check_dir;
pub use self::lock::LockGuard;
pub use self::open::{StoreChoice, open};

/// Why the store could not be read or written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// A file operation failed.
    #[error("cannot {action} {}: {reason}", quoted::path(path))]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The directory could be tampered with by other users.
    #[error("{} is not safe for secrets: {reason}", quoted::path(path))]
    Unsafe {
        /// The directory.
        path: PathBuf,
        /// Why.
        reason: &'static str,
    },
    /// Written by a version of quiltd this one does not understand.
    #[error(
        "{} was written by a newer quiltd; install that version, or move the file away",
        quoted::path(.0)
    )]
    Newer(PathBuf),
    /// Another daemon holds the lock for too long.
    #[error("another quiltd is using {} and does not let go", quoted::path(.0))]
    Busy(PathBuf),
    /// The keyring did not do it.
    #[error("the keyring {0}; unlock it, or start quiltd with --token-store file")]
    Keyring(String),
}

impl StoreError {
    fn io(action: &'static str, path: impl Into<PathBuf>, error: &std::io::Error) -> Self {
        Self::Io {
            action,
            path: path.into(),
            // Our own words where there are some, else the system's.
            reason: match error.get_ref().and_then(|error| error.downcast_ref()) {
                Some(file::Oddity(what)) => (*what).to_owned(),
                None => error.kind().to_string(),
            },
        }
    }
}

/// What the user should know about the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreNote {
    /// The logins in the file are lost: nobody can read it.
    #[error(
        "{} could not be understood and was kept as {}",
        quoted::path(file),
        quoted::path(kept_as)
    )]
    SetAside {
        /// The file.
        file: PathBuf,
        /// Where it is now.
        kept_as: PathBuf,
    },
}

/// The token store. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    backend: Arc<dyn Backend>,
    locks: lock::Locks,
}

impl Store {
    fn new(backend: Arc<dyn Backend>, locks: lock::Locks) -> Self {
        Self { backend, locks }
    }

    /// A store that forgets when the process ends.
    pub fn in_memory() -> Self {
        Self::new(
            Arc::new(memory::Memory::default()),
            lock::Locks::in_process(),
        )
    }

    /// `keyring`, `file` or `memory`.
    pub fn kind(&self) -> &'static str {
        self.backend.kind()
    }

    /// What the user should know about it.
    pub fn notes(&self) -> Vec<StoreNote> {
        self.backend.notes()
    }

    /// Everything stored.
    pub async fn load(&self) -> Result<Document, StoreError> {
        let _guard = self.locks.document().await?;
        self.backend.read().await
    }

    /// The record of one catalog.
    pub async fn record(&self, catalog: &CatalogUrl) -> Result<Option<Record>, StoreError> {
        Ok(self.load().await?.sessions.remove(catalog))
    }

    /// Makes sure that the next [`Self::update`] finds room on the disk.
    pub async fn reserve(&self) -> Result<Reservation, StoreError> {
        self.backend.reserve().await
    }

    /// Reads, changes and replaces the document as one step. It is on disk,
    /// synced, when this returns. `change` answers `None` to leave it alone.
    pub async fn update<R>(
        &self,
        reservation: Reservation,
        change: impl FnOnce(&mut Document) -> Option<R> + Send,
    ) -> Result<Option<R>, StoreError> {
        let _guard = self.locks.document().await?;
        let mut document = self.backend.read().await?;
        let Some(answer) = change(&mut document) else {
            return Ok(None);
        };
        self.backend.write(&document, reservation).await?;
        Ok(Some(answer))
    }

    /// The right to rotate a catalog's refresh token, held from reading it to
    /// having stored its successor, across processes.
    pub async fn rotation(&self, catalog: &CatalogUrl) -> Result<LockGuard, StoreError> {
        self.locks.rotation(catalog).await
    }
}
