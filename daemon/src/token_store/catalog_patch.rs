//! What has become known of catalogs and is not in their file yet.

use std::collections::BTreeMap;

use quilt_proto::{CatalogUrl, RegistryUrl};

use super::known_catalogs::{Catalogs, KeptUser, KnownCatalog, LoginOwner, MOST_NAMED};
use super::secret_hash::SecretHash;

/// What has become known of one catalog; `None` where that is nothing new.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CatalogPatch {
    /// Where secrets go.
    pub registry_url: Option<RegistryUrl>,
    /// The AWS region it is in.
    pub region: Option<String>,
    /// Whose a login is.
    pub login_owner: Option<LoginOwner>,
    /// Who was there.
    pub last_user: Option<String>,
    /// Whose the session is.
    pub user: Option<Option<KeptUser>>,
    /// The machine on which an API key is in use.
    pub api_key_on: Option<Option<String>>,
    /// Hashes of API keys that its registry has known.
    pub api_keys: Vec<SecretHash>,
}

/// How many API keys are remembered a catalog.
const MOST_API_KEYS: usize = 256;

impl CatalogPatch {
    /// Whether the catalog was only asked where it is.
    fn is_only_named(&self) -> bool {
        let bare = Self {
            region: self.region.clone(),
            ..Self::default()
        };
        *self == bare
    }

    /// What is newer goes before what is here.
    fn extend(&mut self, newer: Self) {
        let Self {
            registry_url,
            region,
            login_owner,
            last_user,
            user,
            api_key_on,
            api_keys,
        } = newer;
        self.registry_url = registry_url.or(self.registry_url.take());
        self.region = region.or(self.region.take());
        self.login_owner = login_owner.or(self.login_owner.take());
        self.last_user = last_user.or(self.last_user.take());
        self.user = user.or(self.user.take());
        self.api_key_on = api_key_on.or(self.api_key_on.take());
        add_newer(&mut self.api_keys, api_keys);
    }

    /// What is known with it.
    pub(super) fn applied_to(self, known: KnownCatalog) -> KnownCatalog {
        let Self {
            registry_url,
            region,
            login_owner,
            last_user,
            user,
            api_key_on,
            api_keys,
        } = self;
        let mut known_keys = known.api_keys;
        add_newer(&mut known_keys, api_keys);
        KnownCatalog {
            registry_url: registry_url.or(known.registry_url),
            region: region.or(known.region),
            login_owner: login_owner.or(known.login_owner),
            last_user: last_user.or(known.last_user),
            user: user.unwrap_or(known.user),
            api_key_on: api_key_on.unwrap_or(known.api_key_on),
            api_keys: known_keys,
            registries_of_same_server: known.registries_of_same_server,
            is_lost: known.is_lost,
        }
    }
}

/// Adds those that were used last; those that were not for longest make way.
fn add_newer(known: &mut Vec<SecretHash>, newer: Vec<SecretHash>) {
    for key in newer {
        known.retain(|other| *other != key);
        known.push(key);
    }
    known.drain(..known.len().saturating_sub(MOST_API_KEYS));
}

/// The patches of every catalog, the newest of each kind.
#[derive(Clone, Debug, Default)]
pub(super) struct CatalogPatches(BTreeMap<CatalogUrl, CatalogPatch>);

impl CatalogPatches {
    pub(super) fn add(&mut self, catalog: &CatalogUrl, patch: CatalogPatch) {
        // Whoever names ever new ones while nothing can be written shall not
        // fill the memory.
        if self.0.len() >= 2 * MOST_NAMED && !self.0.contains_key(catalog) {
            self.0.retain(|_, patch| !patch.is_only_named());
        }
        self.0.entry(catalog.clone()).or_default().extend(patch);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A catalog of these.
    pub(super) fn first(&self) -> Option<&CatalogUrl> {
        self.0.keys().next()
    }

    /// What is known with these.
    pub(super) fn apply_to(&self, catalogs: &mut Catalogs) {
        for (catalog, patch) in &self.0 {
            let known = catalogs.remove(catalog).unwrap_or_default();
            let known = patch.clone().applied_to(known);
            catalogs.insert(catalog.clone(), known);
        }
    }

    /// These are written; what came since is not.
    pub(super) fn remove(&mut self, written: &Self) {
        self.0
            .retain(|catalog, patch| written.0.get(catalog) != Some(patch));
    }
}
