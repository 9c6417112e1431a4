//! What both layouts need of a place that holds objects.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use super::StoreError;

/// The largest pointer read, in bytes; a pointer is a hash of 64. All of a
/// package's are held at once.
pub(super) const MAX_POINTER: u64 = 256;

/// What is said of an object that is larger.
pub(super) const NO_POINTER: &str = "it is too large to be a pointer";

/// Microseconds since 1970 at which something was stored.
pub(super) type Modified = i64;

/// Something directly in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its name, without any slash.
    pub(super) name: String,
    /// Whether it is a folder.
    pub(super) folder: bool,
}

/// Batches of a listing. Nothing is asked for before it is polled, and
/// dropping it ends the listing.
pub(super) type Batches<T> = BoxStream<'static, Result<Vec<T>, StoreError>>;

/// Objects under keys of the form `a/b/c`, relative to a registry's root.
#[async_trait]
pub(super) trait Store: Send + Sync {
    /// What lies directly in a folder and begins like `start`; nothing where
    /// there is no such folder.
    fn list(&self, folder: &str, start: &str) -> Batches<Entry>;

    /// The folders directly in a folder that hold `file`, and when it came
    /// there.
    fn dated(&self, folder: &str, file: &'static str) -> Batches<(String, Modified)>;

    /// The keys of everything in a folder, at any depth.
    fn below(&self, folder: &str) -> Batches<String>;

    /// Whether there is such a folder.
    async fn has(&self, folder: &str) -> Result<bool, StoreError>;

    /// A small object's content.
    async fn read(&self, key: &str) -> Result<Bytes, StoreError>;

    /// Creates or replaces an object, at once.
    async fn write(&self, key: &str, content: Bytes) -> Result<(), StoreError>;

    /// Removes an object; it may be gone already.
    async fn remove(&self, key: &str) -> Result<(), StoreError>;

    /// Removes a folder without objects and the folders in it, where folders
    /// are things of their own.
    async fn clear(&self, _folder: &str) -> Result<(), StoreError> {
        Ok(())
    }

    /// Removes a folder if nothing at all is in it, where folders are things
    /// of their own.
    async fn prune(&self, _folder: &str) -> Result<(), StoreError> {
        Ok(())
    }
}
