//! Which catalog's the API keys of programs are, that they show the gateway.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use quilt_proto::{ApiKeySecret, CatalogUrl};

use crate::token_store::{ApiKeyHash, CatalogPatch, Store};

/// More keys than any machine has programs: those of before are looked up again
/// then.
const MOST: usize = 4096;

/// Of each key that a registry has known, its catalog. The gateway's first
/// address is that of whatever catalog is configured, and a program that was
/// given it goes on there when another one is, or another daemon has come: its
/// key is not that one's.
pub struct OwnKeys {
    store: Store,
    /// Those that were shown to this daemon, by hash.
    shown: Mutex<HashMap<ApiKeyHash, CatalogUrl>>,
}

impl OwnKeys {
    /// As they are remembered there.
    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            shown: Mutex::default(),
        }
    }

    /// The catalog whose registry has known a key.
    pub fn catalog(&self, key: &ApiKeySecret) -> Option<CatalogUrl> {
        let hash = ApiKeyHash::of(key.secret());
        if let Some(catalog) = self.shown().get(&hash) {
            return Some(catalog.clone());
        }
        let catalog = self.store.catalog_of_api_key(&hash)?;
        self.show(hash, &catalog);
        Some(catalog)
    }

    /// A catalog's registry knows a key. Must be called inside a tokio runtime.
    pub async fn known(&self, key: &ApiKeySecret, catalog: &CatalogUrl) {
        if self.catalog(key).is_some() {
            return;
        }
        let hash = ApiKeyHash::of(key.secret());
        let patch = CatalogPatch {
            api_keys: vec![hash.clone()],
            ..CatalogPatch::default()
        };
        self.store.patch_known_catalog(catalog, patch);
        self.show(hash, catalog);
        self.store.keep_known_catalogs().await;
    }

    fn show(&self, hash: ApiKeyHash, catalog: &CatalogUrl) {
        let mut shown = self.shown();
        if shown.len() >= MOST {
            shown.clear();
        }
        shown.insert(hash, catalog.clone());
    }

    fn shown(&self) -> MutexGuard<'_, HashMap<ApiKeyHash, CatalogUrl>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token_store::{StoreChoice, open};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_key_stays_with_the_catalog_that_knew_it_first_whichever_daemon_is_asked() {
        let dir = tempfile::TempDir::new().unwrap();
        let store = async || open(StoreChoice::File, dir.path()).await.unwrap();
        let keys = OwnKeys::new(store().await);
        let (a, b): (CatalogUrl, CatalogUrl) = (
            "https://a.quilt.example".parse().unwrap(),
            "https://b.quilt.example".parse().unwrap(),
        );
        let own: ApiKeySecret = format!("qk_{}", "a".repeat(20)).parse().unwrap();
        assert_eq!(keys.catalog(&own), None);
        keys.known(&own, &a).await;
        keys.known(&own, &b).await;
        assert_eq!(keys.catalog(&own), Some(a.clone()));
        let later = OwnKeys::new(store().await);
        assert_eq!(later.catalog(&own), Some(a));
    }
}
