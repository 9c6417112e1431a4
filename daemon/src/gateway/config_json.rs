//! What the catalog publishes of itself, with the gateway as its registry.

use parking_lot::Mutex;
use quilt_proto::python_sdk;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use quilt_proto::CatalogUrl;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::Gateway;
use crate::session::{Session, SessionError};

/// For how long an answer counts. Anybody on the machine may ask, and must not
/// make the catalog be asked each time.
const FRESH: Duration = Duration::from_mins(1);

/// For how long a failure counts.
const FAILURE_FRESH: Duration = Duration::from_secs(5);

/// What each catalog last published.
#[derive(Default)]
pub(super) struct ConfigJsonCache(Mutex<BTreeMap<CatalogUrl, CacheEntry>>);

/// One at a time asks a catalog.
type CacheEntry = Arc<tokio::sync::Mutex<Option<CachedConfig>>>;

struct CachedConfig {
    session: Arc<Session>,
    at: Instant,
    outcome: Result<Arc<Map<String, Value>>, SessionError>,
    /// The last that was no failure.
    good: Option<Arc<Map<String, Value>>>,
}

impl ConfigJsonCache {
    fn of(&self, catalog: &CatalogUrl) -> CacheEntry {
        let mut all = self.0.lock();
        Arc::clone(all.entry(catalog.clone()).or_default())
    }
}

impl Gateway {
    /// `config.json` as programs are to see it that use the gateway: the
    /// catalog's own, as it last said, but for the registry.
    pub async fn config_json(
        &self,
        session: &Arc<Session>,
        at_own_address: bool,
    ) -> Result<Map<String, Value>, SessionError> {
        let mut values = Map::clone(&*self.published(session).await?);
        // A client that takes this for a catalog's own goes on with the right one.
        values.insert(
            python_sdk::NAVIGATOR_URL.to_owned(),
            json!(session.catalog()),
        );
        let here = if at_own_address {
            self.own_here(session.catalog())
        } else {
            self.here()
        };
        if let Some(here) = here {
            values.insert(python_sdk::REGISTRY_URL.to_owned(), json!(here));
        }
        Ok(values)
    }

    async fn published(
        &self,
        session: &Arc<Session>,
    ) -> Result<Arc<Map<String, Value>>, SessionError> {
        let entry = self.config_json_cache.of(session.catalog());
        let mut last = entry.lock().await;
        let known = last
            .take()
            .filter(|seen| Arc::ptr_eq(&seen.session, session));
        let is_fresh = |seen: &CachedConfig| {
            let life = seen.outcome.as_ref().map_or(FAILURE_FRESH, |_| FRESH);
            seen.at.elapsed() < life
        };
        let seen = match known {
            Some(seen) if is_fresh(&seen) => seen,
            known => {
                let outcome = session.registry_trust().published().await;
                let outcome = outcome.map(|config| Arc::new(config.values));
                let before = known.and_then(|known| known.good);
                CachedConfig {
                    session: Arc::clone(session),
                    at: Instant::now(),
                    good: outcome.as_ref().ok().cloned().or(before),
                    outcome,
                }
            }
        };
        let values = match &seen.good {
            Some(good) => Ok(Arc::clone(good)),
            None => seen.outcome.clone(),
        };
        *last = Some(seen);
        values
    }
}
