//! Which catalog's the API keys of programs are, that they show the gateway.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use quilt_proto::{ApiKeySecret, CatalogUrl};
use sha2::{Digest, Sha256};

/// More keys than any machine has programs: those of before are forgotten then.
const MOST: usize = 4096;

/// Of each key that a registry has known, its catalog. The gateway's first
/// address is that of whatever catalog is configured, and a program that was
/// given it goes on there when another one is: its key is not that one's.
#[derive(Default)]
pub struct OwnKeys(Mutex<HashMap<[u8; 32], CatalogUrl>>);

impl OwnKeys {
    /// The catalog whose registry has known a key.
    pub fn catalog(&self, key: &ApiKeySecret) -> Option<CatalogUrl> {
        self.keys().get(&digest(key)).cloned()
    }

    /// A catalog's registry knows a key.
    pub fn known(&self, key: &ApiKeySecret, catalog: &CatalogUrl) {
        let mut keys = self.keys();
        if keys.len() >= MOST {
            keys.clear();
        }
        keys.entry(digest(key)).or_insert_with(|| catalog.clone());
    }

    fn keys(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], CatalogUrl>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn digest(key: &ApiKeySecret) -> [u8; 32] {
    Sha256::digest(key.secret().expose()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stays_with_the_catalog_that_knew_it_first() {
        let keys = OwnKeys::default();
        let (a, b): (CatalogUrl, CatalogUrl) = (
            "https://a.quilt.example".parse().unwrap(),
            "https://b.quilt.example".parse().unwrap(),
        );
        let own: ApiKeySecret = format!("qk_{}", "a".repeat(20)).parse().unwrap();
        assert_eq!(keys.catalog(&own), None);
        keys.known(&own, &a);
        keys.known(&own, &b);
        assert_eq!(keys.catalog(&own), Some(a));
    }
}
