//! Layout 1: a pointer for each time a version was pushed, and manifests
//! shared by the whole registry.

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use quilt_proto::PackageName;
use quilt_proto::wire::PackageVersion;

use super::pointers::read_all;
use super::{LATEST, Plan, Repoint, latest_apart};
use crate::package::StoreError;
use crate::package::store::{Batches, Entry, Store};

/// `<namespace>/<name>/<Unix time or "latest">`, each holding a top hash.
pub(super) const POINTERS: &str = ".quilt/named_packages";

/// Manifests, by their top hash.
pub(super) const HASHES: &str = ".quilt/packages";

/// Namespaces listed at the same time.
const AT_ONCE: usize = 8;

/// Where the pointers of a package are.
pub(super) fn folder(name: &PackageName) -> String {
    format!("{POINTERS}/{name}")
}

/// Folders in folders: what pointers there are is never asked. `namespaces` is
/// what lies in [`POINTERS`]. Only the first of them is listed until there are
/// names, so that nothing delays these.
pub(super) fn names(store: Arc<dyn Store>, namespaces: Batches<Entry>) -> Batches<String> {
    let mut namespaces = namespaces
        .map_ok(|entries| {
            let folders = entries.into_iter().filter(|entry| entry.folder);
            stream::iter(folders.map(|entry| Ok(entry.name)))
        })
        .try_flatten()
        .boxed();
    stream::once(async move {
        let first = match namespaces.try_next().await? {
            Some(namespace) => begin(Arc::clone(&store), namespace).await?,
            None => stream::empty().boxed(),
        };
        let others = namespaces
            .map_ok(move |namespace| begin(Arc::clone(&store), namespace))
            .try_buffered(AT_ONCE)
            .try_flatten();
        Ok::<_, StoreError>(first.chain(others))
    })
    .try_flatten()
    .boxed()
}

/// The names of a namespace, of which the first ones are there already.
async fn begin(store: Arc<dyn Store>, namespace: String) -> Result<Batches<String>, StoreError> {
    let mut batches = store.list(&format!("{POINTERS}/{namespace}"), "");
    let first = batches.try_next().await?;
    let all = stream::iter(first.map(Ok)).chain(batches);
    let named = move |entry: Entry| {
        let name = format!("{namespace}/{}", entry.name);
        (entry.folder && name.parse::<PackageName>().is_ok()).then_some(name)
    };
    Ok(all
        .map_ok(move |entries| entries.into_iter().filter_map(&named).collect())
        .boxed())
}

/// Every pointer.
pub(super) async fn versions(
    store: &dyn Store,
    name: &PackageName,
) -> Result<Vec<PackageVersion>, StoreError> {
    read_all(store, &folder(name)).await
}

pub(super) async fn plan_package(
    store: &dyn Store,
    name: &PackageName,
) -> Result<Option<Plan>, StoreError> {
    let folder = folder(name);
    let steps = Vec::from(latest_apart(store, &folder).await?);
    if steps.iter().all(Vec::is_empty) && !store.has(&folder).await? {
        return Ok(None);
    }
    Ok(Some(Plan {
        steps,
        clear: vec![folder],
        prune: vec![namespace(name)],
        ..Plan::default()
    }))
}

/// The version's pointers go; its manifest, which other packages may share,
/// stays. As the SDK does, `latest` moves to the greatest name that remains,
/// compared as text.
pub(super) async fn plan_version(
    store: &dyn Store,
    name: &PackageName,
    top_hash: &str,
) -> Result<Option<Plan>, StoreError> {
    let folder = folder(name);
    let all = read_all(store, &folder).await?;
    let (gone, stays): (Vec<_>, Vec<_>) = all.into_iter().partition(|p| p.top_hash == top_hash);
    if gone.is_empty() {
        return Ok(None);
    }
    let key = |pointer: &PackageVersion| format!("{folder}/{}", pointer.version);
    let (latest, times): (Vec<_>, Vec<_>) = gone.iter().partition(|p| p.version == LATEST);
    let newest = stays.into_iter().max_by(|a, b| a.version.cmp(&b.version));
    let latest_key = latest.first().map(|pointer| key(pointer));
    let (repoint, latest) = match (latest_key, newest) {
        (Some(key), Some(newest)) => {
            let content = newest.top_hash;
            (Some(Repoint { key, content }), None)
        }
        (latest, _) => (None, latest),
    };
    Ok(Some(Plan {
        repoint,
        steps: vec![
            latest.into_iter().collect(),
            times.into_iter().map(key).collect(),
        ],
        clear: Vec::new(),
        prune: vec![folder.clone(), namespace(name)],
    }))
}

fn namespace(name: &PackageName) -> String {
    format!("{POINTERS}/{}", name.namespace())
}
