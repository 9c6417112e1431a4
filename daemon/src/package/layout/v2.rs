//! Layout 2: a folder of manifests and one of tags for each package.

use futures_util::{StreamExt, TryStreamExt};
use quilt_proto::PackageName;
use quilt_proto::wire::PackageVersion;

use super::pointers::read_all;
use super::{LATEST, Plan, Repoint, latest_apart};
use crate::package::StoreError;
use crate::package::bounded_listing::gather;
use crate::package::store::{Batches, Entry, Modified, Store};

/// `<namespace>@<name>/<top hash>/manifest.jsonl`.
pub(super) const MANIFESTS: &str = ".quilt/v2/manifests";

/// `<namespace>@<name>/<tag>`, each holding a top hash.
const TAGS: &str = ".quilt/v2/tags";

/// A manifest, in a folder named by its hash.
const MANIFEST: &str = "manifest.jsonl";

/// Where the manifests of a package are.
pub(super) fn folder(name: &PackageName) -> String {
    format!("{MANIFESTS}/{}@{}", name.namespace(), name.name())
}

fn tags(name: &PackageName) -> String {
    format!("{TAGS}/{}@{}", name.namespace(), name.name())
}

/// The folders of manifests.
pub(super) fn names(store: &dyn Store) -> Batches<String> {
    let named = |entry: Entry| {
        let name = entry.name.replace('@', "/");
        (entry.folder && name.parse::<PackageName>().is_ok()).then_some(name)
    };
    store
        .list(MANIFESTS, "")
        .map_ok(move |entries| entries.into_iter().filter_map(named).collect())
        .boxed()
}

/// Every manifest, by when it came; tags are not versions here.
pub(super) async fn versions(
    store: &dyn Store,
    name: &PackageName,
) -> Result<Vec<PackageVersion>, StoreError> {
    let dated = manifests(store, name).await?.into_iter();
    Ok(dated
        .map(|(top_hash, modified)| PackageVersion {
            version: (modified / 1_000_000).to_string(),
            top_hash,
        })
        .collect())
}

async fn manifests(
    store: &dyn Store,
    name: &PackageName,
) -> Result<Vec<(String, Modified)>, StoreError> {
    let folder = folder(name);
    gather(store.dated(&folder, MANIFEST), &folder, |(name, _)| name).await
}

pub(super) async fn plan_package(
    store: &dyn Store,
    name: &PackageName,
) -> Result<Option<Plan>, StoreError> {
    let (tags, manifests) = (tags(name), folder(name));
    let [latest, other_tags] = latest_apart(store, &tags).await?;
    let content = gather(store.below(&manifests), &manifests, String::as_str).await?;
    let steps = vec![latest, other_tags, content];
    // Tags alone are what the SDK leaves of a package when it is interrupted.
    let exists = steps.iter().any(|step| !step.is_empty())
        || store.has(&manifests).await?
        || store.has(&tags).await?;
    Ok(exists.then(|| Plan {
        steps,
        clear: vec![tags, manifests],
        ..Plan::default()
    }))
}

/// The manifest goes, after every tag on it; as the SDK does, `latest` moves
/// to the newest manifest that remains, of two at one time to the greater hash.
pub(super) async fn plan_version(
    store: &dyn Store,
    name: &PackageName,
    top_hash: &str,
) -> Result<Option<Plan>, StoreError> {
    let (tags, package) = (tags(name), folder(name));
    let manifest = format!("{package}/{top_hash}");
    let content = gather(store.below(&manifest), &manifest, String::as_str).await?;
    if content.is_empty() && !store.has(&manifest).await? {
        return Ok(None);
    }
    let on_it = read_all(store, &tags).await?.into_iter();
    let on_it = on_it.filter(|tag| tag.top_hash == top_hash);
    let (latest, others): (Vec<_>, Vec<_>) = on_it.partition(|tag| tag.version == LATEST);
    let mut plan = Plan {
        clear: vec![manifest],
        prune: vec![tags.clone(), package],
        ..Plan::default()
    };
    let latest = latest.first().map(|_| format!("{tags}/{LATEST}"));
    if let Some(key) = latest {
        let all = manifests(store, name).await?.into_iter();
        let stays = all.filter(|(hash, _)| hash != top_hash);
        match stays.max_by(|(a, at), (b, bt)| (at, a).cmp(&(bt, b))) {
            Some((content, _)) => plan.repoint = Some(Repoint { key, content }),
            None => plan.steps.push(vec![key]),
        }
    }
    plan.steps.push(
        others
            .iter()
            .map(|tag| format!("{tags}/{}", tag.version))
            .collect(),
    );
    plan.steps.push(content);
    Ok(Some(plan))
}
