//! What both layouts need of a place that holds objects.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt;
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

/// The most that is gathered of one listing: no package has as many versions or
/// objects of its own.
pub(super) const MOST_GATHERED: usize = 200_000;

/// The most bytes of names and keys in it: three times what so many keys of a
/// package's take. Whoever may write there chooses how long each is.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// How many entries a page without any counts for.
const EMPTY: usize = 1000;

/// All of a listing of `place`, which has an end. `name` tells the name or key of
/// something that is listed.
pub(super) async fn gather<T>(
    mut batches: Batches<T>,
    place: &str,
    name: impl Fn(&T) -> &str,
) -> Result<Vec<T>, StoreError> {
    let mut all = Vec::new();
    let (mut count, mut bytes) = (0, 0);
    while let Some(batch) = batches.try_next().await? {
        // Of pages with nothing on them, there may be no end either, and each takes
        // as long as a full one.
        count += if batch.is_empty() { EMPTY } else { batch.len() };
        if count > MOST_GATHERED {
            let reason = format!("more than {MOST_GATHERED} entries are listed there, or no end");
            return Err(StoreError::invalid(place, reason));
        }
        bytes += batch.iter().map(|one| name(one).len()).sum::<usize>();
        if bytes > MOST_BYTES {
            let reason = "the names there are too long in all";
            return Err(StoreError::invalid(place, reason));
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
    async fn clear(&self, _folder: &str) -> Result<(), StoreError> {
        Ok(())
    }

    /// Removes a folder if nothing at all is in it, where folders are things
    /// of their own.
    async fn prune(&self, _folder: &str) -> Result<(), StoreError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, stream};

    use super::*;

    #[tokio::test]
    async fn a_listing_without_an_end_is_given_up_in_words() {
        let pages = |page: Vec<String>| stream::repeat_with(move || Ok(page.clone()));
        let of = |name: &str| vec![name.to_owned(); 1000];
        for (page, why) in [
            (of("1700000000"), "ns/name: more than 200000 entries"),
            (Vec::new(), "ns/name: more than 200000 entries"),
            (
                of(&"d/".repeat(8000)),
                "ns/name: the names there are too long",
            ),
        ] {
            let gathered = gather(pages(page).boxed(), "ns/name", String::as_str).await;
            let said = gathered.unwrap_err().to_string();
            assert!(said.contains(why), "{said}");
        }
        let whole = pages(of(&"k".repeat(300)))
            .take(MOST_GATHERED / 1000)
            .boxed();
        let gathered = gather(whole, "", String::as_str).await;
        assert_eq!(gathered.unwrap().len(), MOST_GATHERED);
    }
}
