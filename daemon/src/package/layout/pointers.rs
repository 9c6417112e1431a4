//! Pointers: small objects that hold a top hash.

use futures_util::{StreamExt, TryStreamExt, stream};
use quilt_proto::wire::PackageVersion;

use super::LATEST;
use crate::package::StoreError;
use crate::package::bounded_listing::gather;
use crate::package::store::Store;

/// Pointers read at the same time.
const AT_ONCE: usize = 32;

/// The pointers directly in a folder and what they point to, in no order.
pub(super) async fn read_all(
    store: &dyn Store,
    folder: &str,
) -> Result<Vec<PackageVersion>, StoreError> {
    let pointers = gather(store.list(folder, ""), folder, |entry| &entry.name).await?;
    let names = pointers
        .into_iter()
        .filter(|entry| !entry.folder)
        .map(|entry| entry.name);
    stream::iter(names)
        .map(|version| async move {
            match read(store, folder, &version).await {
                Ok(top_hash) => Ok(Some(PackageVersion { version, top_hash })),
                // Somebody else deleted it since it was listed.
                Err(StoreError::Missing(_)) => Ok(None),
                Err(error) => Err(error),
            }
        })
        .buffer_unordered(AT_ONCE)
        .try_filter_map(async |pointer| Ok(pointer))
        .try_collect()
        .await
}

async fn read(store: &dyn Store, folder: &str, name: &str) -> Result<String, StoreError> {
    let key = format!("{folder}/{name}");
    let content = store.read(&key).await?;
    match std::str::from_utf8(&content) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(_) => Err(StoreError::invalid(
            key,
            "it is a pointer, but holds no text",
        )),
    }
}

/// Bytes of an answer that lists them.
pub(super) fn length(versions: &[PackageVersion]) -> usize {
    let lengths = versions.iter().map(|version| {
        // With a comma.
        serde_json::to_vec(version).map_or(usize::MAX, |text| text.len() + 1)
    });
    lengths.fold(2, usize::saturating_add)
}

/// `latest`, then by time, the newest first, then names that are no times.
pub(super) fn newest_first(versions: &mut [PackageVersion]) {
    versions.sort_by(|a, b| {
        let rank = |version: &PackageVersion| {
            (
                version.version == LATEST,
                version.version.parse::<u64>().ok(),
            )
        };
        rank(b)
            .cmp(&rank(a))
            .then_with(|| b.version.cmp(&a.version))
            .then_with(|| b.top_hash.cmp(&a.top_hash))
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ordered(names: &[&str]) -> Vec<String> {
        let version = |name: &&str| PackageVersion {
            version: (*name).to_owned(),
            top_hash: String::new(),
        };
        let mut versions: Vec<_> = names.iter().map(version).collect();
        newest_first(&mut versions);
        versions
            .into_iter()
            .map(|version| version.version)
            .collect()
    }

    #[test]
    fn latest_comes_first_and_times_are_numbers() {
        assert_eq!(
            ordered(&["999999999", "draft", "1700000000", "latest", "1700000001"]),
            ["latest", "1700000001", "1700000000", "999999999", "draft"]
        );
    }

    proptest! {
        #[test]
        fn the_order_does_not_depend_on_the_listing(
            mut names in prop::collection::vec("latest|[0-9]{1,12}|[a-z]{1,4}", 0..12)
        ) {
            let expected = ordered(&names.iter().map(String::as_str).collect::<Vec<_>>());
            names.reverse();
            prop_assert_eq!(ordered(&names.iter().map(String::as_str).collect::<Vec<_>>()), expected);
        }
    }
}
