//! What a place to store the document must be able to do.

use std::path::PathBuf;

use async_trait::async_trait;
use tempfile::NamedTempFile;

use super::{Document, StoreError, StoreNote};
use crate::files::Stamp;

/// Room set aside for the next write.
#[derive(Debug, Default)]
pub struct Reservation(pub(super) Option<NamedTempFile>);

#[async_trait]
pub(super) trait Backend: Send + Sync {
    /// `keyring`, `file` or `memory`.
    fn kind(&self) -> &'static str;

    /// What the user should know.
    fn notes(&self) -> Vec<StoreNote> {
        Vec::new()
    }

    /// By what this version of the document is told from another without
    /// reading it; nothing where no other process can change it.
    fn stamp(&self) -> Option<Stamp> {
        None
    }

    /// The file that is replaced with every change, where there is one.
    fn file(&self) -> Option<PathBuf> {
        None
    }

    /// Whether what is read is never half of a change, whoever holds the lock.
    fn is_read_whole(&self) -> bool {
        false
    }

    /// The document; an empty one where there is none yet.
    async fn read(&self) -> Result<Document, StoreError>;

    /// Sets room aside, where the backend can.
    async fn reserve(&self) -> Result<Reservation, StoreError> {
        Ok(Reservation::default())
    }

    /// Replaces the document, durably, as a whole or not at all.
    async fn write(&self, document: &Document, reservation: Reservation) -> Result<(), StoreError>;
}
