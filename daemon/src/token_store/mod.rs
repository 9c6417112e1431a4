//! Where refresh tokens survive a restart: the OS keyring, a 0600 file, or
//! nowhere.
//!
//! The whole of it is one small document, read and replaced as a unit under a
//! lock that other daemons on the same state directory respect as well.

mod backend;
mod catalog_facts;
mod document;
mod error;
mod file;
mod keyring;
mod keyring_migration;

mod inactive_store;
mod keyring_presence;
mod keyring_record;
mod known_catalog;
mod known_catalogs;
mod lock;
mod memory;
mod open;
#[cfg(not(target_os = "macos"))]
pub(crate) mod session_bus;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use quilt_proto::{CatalogUrl, RegistryUrl};

use self::backend::Backend;
pub use self::backend::Reservation;
pub use self::catalog_facts::CatalogFact;
pub use self::document::{Document, LoginMethod, OAuthClient, Record};
pub use self::error::{StoreError, StoreNote};
pub use self::known_catalog::{KeptUser, KnownCatalog, LoginOwner};
pub use self::lock::LockGuard;
pub use self::open::{StoreChoice, open};
use crate::files::Stamp;
pub use quilt_proto::SecretHash;
use quilt_trust::Held;

/// How long what is known of catalogs is waited for, which a disk or another
/// process may hold up.
const KEEP_TIMEOUT: Duration = Duration::from_secs(1);

/// The token store. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    backend: Arc<dyn Backend>,
    locks: lock::Locks,
    known_catalogs: known_catalogs::KnownCatalogs,
    /// What another daemon noted of the keyring.
    keyring_record: Option<PathBuf>,
}

impl Store {
    fn new(backend: Arc<dyn Backend>, locks: lock::Locks) -> Self {
        Self {
            backend,
            locks,
            known_catalogs: known_catalogs::KnownCatalogs::in_memory(),
            keyring_record: None,
        }
    }

    /// With what is known of catalogs, and of the keyring, in a state directory.
    fn with_state_dir(mut self, dir: &Path) -> Self {
        self.known_catalogs = known_catalogs::KnownCatalogs::in_dir(dir);
        self.keyring_record = Some(dir.join(keyring_record::NAME));
        self
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
        let own = self.backend.notes().into_iter();
        own.chain(self.known_catalogs.notes()).collect()
    }

    /// Everything stored.
    pub async fn load(&self) -> Result<Document, StoreError> {
        let _guard = self.locks.document().await?;
        self.backend.read().await
    }

    /// The same for whoever only looks: where a change is whole at any moment,
    /// nobody who holds the lock is waited for. What is to be changed is loaded,
    /// which says whether the lock can be had.
    pub async fn look(&self) -> Result<Document, StoreError> {
        if self.backend.is_read_whole() {
            self.backend.read().await
        } else {
            self.load().await
        }
    }

    /// By what this version of the document is told from another; nothing where
    /// no other process can change it, or that cannot be told.
    pub fn stamp(&self) -> Option<Stamp> {
        self.backend.stamp()
    }

    /// The file that is replaced with every change, where there is one.
    pub fn file(&self) -> Option<PathBuf> {
        self.backend.file()
    }

    /// The record of one catalog.
    pub async fn record(&self, catalog: &CatalogUrl) -> Result<Option<Record>, StoreError> {
        Ok(self.load().await?.sessions.remove(catalog))
    }

    /// What is known of a catalog, whoever is logged in.
    pub async fn known_catalog(&self, catalog: &CatalogUrl) -> Result<KnownCatalog, StoreError> {
        let known = self.known_catalogs.of(catalog)?;
        if known.registry_url.is_some() {
            return Ok(known);
        }
        // A login made before such things were kept.
        let record = self.look().await?.sessions.remove(catalog);
        Ok(KnownCatalog {
            is_lost: known.is_lost && record.is_none(),
            registry_url: record.map(|record| record.registry_url),
            ..known
        })
    }

    /// The catalogs for which an API key was in use on this machine, and was
    /// not dropped since.
    pub fn keys_in_use(&self) -> Vec<CatalogUrl> {
        let known = self.known_catalogs.all().unwrap_or_default().into_iter();
        let here = Some(machine());
        known
            .filter(|(_, known)| known.api_key_on == here)
            .map(|(catalog, _)| catalog)
            .collect()
    }

    /// Whose the sessions are, as the stacks last said.
    pub fn kept_users(&self) -> Vec<(CatalogUrl, KeptUser)> {
        let known = self.known_catalogs.all().unwrap_or_default().into_iter();
        let kept = known.filter_map(|(catalog, known)| Some((catalog, known.user?)));
        kept.collect()
    }

    /// Remembers whether an API key is in use on this machine.
    pub fn note_key(&self, catalog: &CatalogUrl, in_use: bool) {
        let fact = CatalogFact::ApiKeyOn(in_use.then(machine));
        self.learn(catalog, vec![fact]);
    }

    /// The catalogs that an API key is known to be of.
    pub fn catalogs_of_api_key(&self, hash: &SecretHash) -> Vec<CatalogUrl> {
        let known = self.known_catalogs.all().unwrap_or_default().into_iter();
        let known = known.filter(|(_, known)| known.api_keys.contains(hash));
        known.map(|(catalog, _)| catalog).collect()
    }

    /// Whether secrets of two catalogs go to the same place, as far as is known.
    pub fn have_same_registry(&self, one: &CatalogUrl, other: &CatalogUrl) -> bool {
        let known = self.known_catalogs.all().unwrap_or_default();
        let registry = |catalog| known.get(catalog)?.registry_url.as_ref();
        match (registry(one), registry(other)) {
            (Some(one), Some(other)) => one.is_same_server(other),
            // Another spelling, it may be: where it leads elsewhere is asked about.
            _ => one.is_same_server(other),
        }
    }

    /// Whether what was known of catalogs was lost with a broken file.
    pub fn has_lost_catalogs(&self) -> bool {
        self.known_catalogs.has_lost()
    }

    /// Has secrets of a catalog go there from now on, unless something has settled
    /// since `so_far` was known that they go elsewhere. Answers whether they do;
    /// fails where that cannot be told. Must be called inside a tokio runtime.
    pub fn settle_registry(
        &self,
        catalog: &CatalogUrl,
        so_far: Option<&RegistryUrl>,
        registry: &RegistryUrl,
    ) -> Result<bool, StoreError> {
        self.known_catalogs.settle(catalog, so_far, registry)
    }

    /// Something has become known of a catalog: it counts at once, and is
    /// written behind. Must be called inside a tokio runtime.
    pub fn learn(&self, catalog: &CatalogUrl, facts: Vec<CatalogFact>) {
        self.known_catalogs.learn(catalog, facts);
    }

    /// Has what is known of catalogs on the disk, so that it outlives a kill, but
    /// for what is held up for longer.
    pub async fn keep_known_catalogs(&self) {
        drop(tokio::time::timeout(KEEP_TIMEOUT, self.known_catalogs.written()).await);
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

    /// What keeps a catalog's login from being renewed, where that is another
    /// process.
    pub fn waits_for(&self, catalog: &CatalogUrl) -> Option<StoreError> {
        let path = self.locks.waits_for(catalog)?;
        Some(StoreError::Busy(Held::look(&path)))
    }

    /// What a change waits for that takes long, where it is not known better.
    pub fn busy(&self) -> StoreError {
        self.locks.busy()
    }

    /// The right to rotate a catalog's refresh token, held from reading it to
    /// having stored its successor, across processes.
    pub async fn rotation(&self, catalog: &CatalogUrl) -> Result<LockGuard, StoreError> {
        self.locks.rotation(catalog).await
    }
}

#[cfg(test)]
impl Store {
    /// Somebody is logged in to a catalog.
    pub(crate) async fn put(&self, catalog: &CatalogUrl, record: Record) {
        let put = |document: &mut Document| {
            document.sessions.insert(catalog.clone(), record);
            Some(())
        };
        self.update(Reservation::default(), put).await.unwrap();
    }
}

/// What this machine calls itself.
fn machine() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

/// `catalogs.json` in a directory, made up.
#[cfg(any(test, fuzzing))]
pub(crate) fn fuzz_known_catalogs(dir: &Path) {
    let known = known_catalogs::KnownCatalogs::in_dir(dir);
    let all = known.all().unwrap_or_default();
    assert!(all.len() < 100_000);
}
