//! What both layouts need of a place that holds objects.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;

use super::StoreError;

/// The largest pointer read, in bytes; a pointer is a hash of 64.
pub(super) const MAX_POINTER: u64 = 4096;

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

/// The most that is gathered of one listing: no package has as many versions or
/// objects of its own.
pub(super) const MOST_GATHERED: usize = 200_000;

/// All of a listing of `place`, which has an end.
pub(super) async fn gather<T>(mut batches: Batches<T>, place: &str) -> Result<Vec<T>, StoreError> {
    let mut all = Vec::new();
    let mut count = 0;
    while let Some(batch) = batches.try_next().await? {
        // Of pages with nothing on them, there may be no end either.
        count += batch.len().max(1);
        if count > MOST_GATHERED {
            return Err(StoreError::Invalid {
                place: place.to_owned(),
                reason: format!("more than {MOST_GATHERED} entries are listed there, or no end"),
            });
        }
        all.extend(batch);
    }
    Ok(all)
}

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
    async fn clear(&self, folder: &str) -> Result<(), StoreError>;

    /// Removes a folder if nothing at all is in it, where folders are things
    /// of their own.
    async fn prune(&self, folder: &str) -> Result<(), StoreError>;
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, stream};

    use super::*;

    #[tokio::test]
    async fn a_listing_without_an_end_is_given_up_in_words() {
        let pages = |page: Vec<u8>| stream::repeat_with(move || Ok(page.clone()));
        for page in [vec![0; 1000], Vec::new()] {
            let error = gather(pages(page).boxed(), "ns/name").await.unwrap_err();
            let said = error.to_string();
            assert!(said.contains("ns/name: more than 200000 entries"), "{said}");
        }
        let whole = pages(vec![0; 1000]).take(MOST_GATHERED / 1000).boxed();
        assert_eq!(gather(whole, "").await.unwrap().len(), MOST_GATHERED);
    }
}
