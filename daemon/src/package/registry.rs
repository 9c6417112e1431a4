//! One registry, and what can be done with it.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use quilt_proto::wire::{DeletedPackage, PackageVersion};
use quilt_proto::{PackageName, TopHash};

use super::error::{HalfDeleted, Progress, Wanted};
use super::layout::{Layout, Plan};
use super::store::{Batches, Store};
use super::{PackageError, StoreError};

/// Objects removed at the same time.
const AT_ONCE: usize = 16;

/// Names of packages, batch by batch.
pub type Names = Batches<String>;

/// A registry.
pub struct Registry {
    url: String,
    /// As configured; else it has to be detected.
    layout: Option<Layout>,
    store: Arc<dyn Store>,
}

impl Registry {
    pub(super) fn new(url: String, layout: Option<Layout>, store: Arc<dyn Store>) -> Self {
        Self { url, layout, store }
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    async fn layout(&self) -> Result<Layout, StoreError> {
        match self.layout {
            Some(layout) => Ok(layout),
            None => Layout::detect(self.store.as_ref()).await,
        }
    }

    /// The names of all packages as they are found. Dropping the stream ends
    /// the listing.
    pub fn names(&self) -> Names {
        let store = Arc::clone(&self.store);
        let names = match self.layout {
            Some(layout) => layout.names(store),
            None => Layout::detected_names(store),
        };
        names
            .try_filter(|batch| std::future::ready(!batch.is_empty()))
            .boxed()
    }

    /// The versions of a package: `latest` first, then the newest.
    pub async fn versions(&self, name: &PackageName) -> Result<Vec<PackageVersion>, PackageError> {
        let layout = self.layout().await?;
        let versions = layout.versions(self.store.as_ref(), name).await?;
        versions.ok_or_else(|| self.no_such(name))
    }

    /// Deletes a package, or the one version of it whose hash is or begins
    /// like `top_hash`. Data is never deleted. Whenever this stops halfway,
    /// doing it again finishes it.
    pub async fn delete(
        &self,
        name: &PackageName,
        top_hash: Option<&TopHash>,
    ) -> Result<DeletedPackage, PackageError> {
        let store = self.store.as_ref();
        let layout = self.layout().await?;
        let (plan, full_hash) = match top_hash {
            None => {
                let plan = layout.plan_package(store, name).await?;
                (plan.ok_or_else(|| self.no_such(name))?, None)
            }
            Some(hash) => {
                let hash = self.resolve(layout, name, hash).await?;
                let plan = layout.plan_version(store, name, &hash).await?;
                let none = || PackageError::NoSuchVersion(self.wanted(name));
                (plan.ok_or_else(none)?, Some(hash))
            }
        };
        let mut progress = Progress::default();
        if let Err(cause) = carry_out(store, plan, &mut progress).await {
            if progress.deleted.is_empty() && progress.latest.is_none() {
                return Err(cause.into());
            }
            let half = HalfDeleted {
                progress,
                cause,
                name: name.clone(),
                registry: self.url.clone(),
                top_hash: full_hash,
            };
            return Err(PackageError::HalfDeleted(Box::new(half)));
        }
        Ok(DeletedPackage {
            name: name.clone(),
            registry: self.url.clone(),
            top_hash: full_hash,
            deleted: progress.deleted,
            latest: progress.latest,
        })
    }

    /// The one hash that is or begins like `hash`.
    async fn resolve(
        &self,
        layout: Layout,
        name: &PackageName,
        hash: &TopHash,
    ) -> Result<String, PackageError> {
        let found = layout.resolve(self.store.as_ref(), name, hash).await?;
        let (hash, wanted) = (hash.clone(), self.wanted(name));
        match <[String; 1]>::try_from(found) {
            Ok([found]) => Ok(found),
            Err(none) if none.is_empty() => Err(PackageError::NoMatch(hash, wanted)),
            Err(_) => Err(PackageError::ManyMatches(hash, wanted)),
        }
    }

    fn no_such(&self, name: &PackageName) -> PackageError {
        PackageError::NoSuchPackage(self.wanted(name))
    }

    fn wanted(&self, name: &PackageName) -> Wanted {
        Wanted {
            name: name.clone(),
            registry: self.url.clone(),
        }
    }
}

/// Changes the store; `progress` tells how far it came, also on failure.
async fn carry_out(
    store: &dyn Store,
    plan: Plan,
    progress: &mut Progress,
) -> Result<(), StoreError> {
    progress.left = plan.steps.iter().flatten().cloned().collect();
    if let Some(repoint) = plan.repoint {
        let content = Bytes::from(repoint.content.clone());
        store.write(&repoint.key, content).await?;
        progress.latest = Some(repoint.content);
    }
    for step in plan.steps {
        remove_all(store, step, progress).await?;
    }
    for folder in &plan.clear {
        store.clear(folder).await?;
    }
    for folder in &plan.prune {
        store.prune(folder).await?;
    }
    Ok(())
}

/// Removes objects side by side. After a failure no further ones are begun,
/// and those under way are waited for.
async fn remove_all(
    store: &dyn Store,
    keys: Vec<String>,
    progress: &mut Progress,
) -> Result<(), StoreError> {
    let mut failed = None;
    let mut keys = keys.into_iter();
    let mut running = stream::FuturesUnordered::new();
    loop {
        while running.len() < AT_ONCE && failed.is_none() {
            let Some(key) = keys.next() else { break };
            running.push(async move { (store.remove(&key).await, key) });
        }
        match running.next().await {
            None => return failed.map_or(Ok(()), Err),
            Some((Ok(()), key)) => {
                progress.left.remove(&key);
                progress.deleted.push(key);
            }
            Some((Err(error), _)) => failed = failed.or(Some(error)),
        }
    }
}
