//! How a registry arranges pointers and manifests: Quilt's layouts 1 and 2.
//!
//! A layout reads, and plans deletions; it changes nothing itself.

mod pointers;
mod v1;
mod v2;

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use quilt_proto::api::MAX_ANSWER;
use quilt_proto::wire::PackageVersion;
use quilt_proto::{PackageName, TopHash};

use super::StoreError;
use super::bounded_listing::gather;
use super::store::{Batches, Entry, Store};

/// The name of the pointer to the newest version.
const LATEST: &str = "latest";

/// A layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// `.quilt/named_packages` and `.quilt/packages`.
    One,
    /// `.quilt/v2/tags` and `.quilt/v2/manifests`.
    Two,
}

/// What to do, in order, so that whenever it stops `latest` points to a
/// version that is there, or is gone itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// What to point `latest` to, before anything is removed.
    pub(super) repoint: Option<Repoint>,
    /// Keys to remove; those of one step in any order.
    pub(super) steps: Vec<Vec<String>>,
    /// Folders to remove afterwards, with the folders in them.
    pub(super) clear: Vec<String>,
    /// Folders to remove last, if nothing is in them.
    pub(super) prune: Vec<String>,
}

/// A new content of `latest`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Repoint {
    pub(super) key: String,
    pub(super) content: String,
}

impl Layout {
    /// By the number Quilt gives it.
    pub(super) fn numbered(number: u64) -> Option<Self> {
        match number {
            1 => Some(Self::One),
            2 => Some(Self::Two),
            _ => None,
        }
    }

    /// The layout a registry has packages in; layout 1, the SDK's default,
    /// where there are none or both.
    pub(super) async fn detect(store: &dyn Store) -> Result<Self, StoreError> {
        let mut pointers = store.list(v1::POINTERS, "");
        if some(&mut pointers).await?.is_none() && store.has(v2::MANIFESTS).await? {
            Ok(Self::Two)
        } else {
            Ok(Self::One)
        }
    }

    /// The names of all packages, in the store's order.
    pub(super) fn names(self, store: Arc<dyn Store>) -> Batches<String> {
        match self {
            Self::One => {
                let namespaces = store.list(v1::POINTERS, "");
                v1::names(store, namespaces)
            }
            Self::Two => v2::names(store.as_ref()),
        }
    }

    /// The same in the layout [`Self::detect`] finds; what tells which it is,
    /// is not asked for twice.
    pub(super) fn detected_names(store: Arc<dyn Store>) -> Batches<String> {
        stream::once(async move {
            let mut namespaces = store.list(v1::POINTERS, "");
            let first = some(&mut namespaces).await?;
            if first.is_none() && store.has(v2::MANIFESTS).await? {
                return Ok::<_, StoreError>(v2::names(store.as_ref()));
            }
            let all = stream::iter(first.map(Ok)).chain(namespaces);
            Ok(v1::names(store, all.boxed()))
        })
        .try_flatten()
        .boxed()
    }

    /// The versions of a package, `latest` first, then the newest; `None`
    /// where there is no such package.
    pub(super) async fn versions(
        self,
        store: &dyn Store,
        name: &PackageName,
    ) -> Result<Option<Vec<PackageVersion>>, StoreError> {
        let (mut versions, folder) = match self {
            Self::One => (v1::versions(store, name).await?, v1::folder(name)),
            Self::Two => (v2::versions(store, name).await?, v2::folder(name)),
        };
        if versions.is_empty() && !store.has(&folder).await? {
            return Ok(None);
        }
        if pointers::length(&versions) > MAX_ANSWER {
            let reason = "it has more versions than can be listed";
            return Err(StoreError::invalid(folder, reason));
        }
        pointers::newest_first(&mut versions);
        Ok(Some(versions))
    }

    /// The hashes that are or begin like `hash`: enough of them to tell whether
    /// there is exactly one.
    pub(super) async fn resolve(
        self,
        store: &dyn Store,
        name: &PackageName,
        hash: &TopHash,
    ) -> Result<Vec<String>, StoreError> {
        if hash.is_complete() {
            return Ok(vec![hash.to_string()]);
        }
        let (folder, inner) = match self {
            Self::One => (v1::HASHES.to_owned(), false),
            Self::Two => (v2::folder(name), true),
        };
        let mut batches = store.list(&folder, hash.as_str());
        let mut found = Vec::new();
        while found.len() < 2
            && let Some(entries) = batches.try_next().await?
        {
            let hashes = entries.into_iter().filter(|entry| entry.folder == inner);
            found.extend(hashes.map(|entry| entry.name));
        }
        Ok(found)
    }

    /// How to delete a package; `None` where there is none.
    pub(super) async fn plan_package(
        self,
        store: &dyn Store,
        name: &PackageName,
    ) -> Result<Option<Plan>, StoreError> {
        match self {
            Self::One => v1::plan_package(store, name).await,
            Self::Two => v2::plan_package(store, name).await,
        }
    }

    /// How to delete one version; `None` where there is none.
    pub(super) async fn plan_version(
        self,
        store: &dyn Store,
        name: &PackageName,
        top_hash: &str,
    ) -> Result<Option<Plan>, StoreError> {
        match self {
            Self::One => v1::plan_version(store, name, top_hash).await,
            Self::Two => v2::plan_version(store, name, top_hash).await,
        }
    }
}

/// The first batch with something in it.
async fn some(batches: &mut Batches<Entry>) -> Result<Option<Vec<Entry>>, StoreError> {
    while let Some(entries) = batches.try_next().await? {
        if !entries.is_empty() {
            return Ok(Some(entries));
        }
    }
    Ok(None)
}

/// Everything in a folder, the pointer `latest` in it apart and first.
async fn latest_apart(store: &dyn Store, folder: &str) -> Result<[Vec<String>; 2], StoreError> {
    let keys = gather(store.below(folder), folder, String::as_str).await?;
    let latest = format!("{folder}/{LATEST}");
    let (latest, rest) = keys.into_iter().partition(|key| *key == latest);
    Ok([latest, rest])
}
