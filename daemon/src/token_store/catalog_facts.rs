//! What has become known of catalogs and is not in their file yet.

use std::collections::BTreeMap;
use std::mem::discriminant;

use quilt_proto::{CatalogUrl, RegistryUrl};

use super::known_catalog::{KeptUser, KnownCatalog, LoginOwner};
use super::known_catalogs::{Catalogs, MOST_NAMED};
use quilt_proto::SecretHash;

/// Something that has become known of a catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatalogFact {
    /// Where secrets go.
    Registry(RegistryUrl),
    /// The AWS region it is in.
    Region(String),
    /// Whose a login is.
    LoginOwner(LoginOwner),
    /// Who was there.
    LastUser(String),
    /// Whose the session is.
    User(Option<KeptUser>),
    /// The machine on which an API key is in use.
    ApiKeyOn(Option<String>),
    /// The hash of an API key that its registry has known.
    ApiKey(SecretHash),
}

/// How many API keys are remembered a catalog.
const MOST_API_KEYS: usize = 256;

impl CatalogFact {
    /// Whether an older fact says nothing any more. There may be several API keys.
    fn replaces(&self, older: &Self) -> bool {
        match self {
            Self::ApiKey(_) => self == older,
            _ => discriminant(self) == discriminant(older),
        }
    }

    /// What is known with it. Of API keys, those that were not used for longest make
    /// way.
    pub(super) fn apply_to(self, known: &mut KnownCatalog) {
        match self {
            Self::Registry(registry) => known.registry_url = Some(registry),
            Self::Region(region) => known.region = Some(region),
            Self::LoginOwner(owner) => known.login_owner = Some(owner),
            Self::LastUser(user) => known.last_user = Some(user),
            Self::User(user) => known.user = user,
            Self::ApiKeyOn(machine) => known.api_key_on = machine,
            Self::ApiKey(key) => {
                known.api_keys.retain(|other| *other != key);
                known.api_keys.push(key);
                let too_many = known.api_keys.len().saturating_sub(MOST_API_KEYS);
                known.api_keys.drain(..too_many);
            }
        }
    }
}

/// The facts of every catalog, the newest of each kind.
#[derive(Clone, Debug, Default)]
pub(super) struct CatalogFacts(BTreeMap<CatalogUrl, Vec<CatalogFact>>);

impl CatalogFacts {
    pub(super) fn add(&mut self, catalog: &CatalogUrl, facts: Vec<CatalogFact>) {
        // Whoever names ever new ones while nothing can be written shall not
        // fill the memory.
        if self.0.len() >= 2 * MOST_NAMED && !self.0.contains_key(catalog) {
            let is_only_named = |fact: &CatalogFact| matches!(fact, CatalogFact::Region(_));
            self.0.retain(|_, facts| !facts.iter().all(is_only_named));
        }
        let known = self.0.entry(catalog.clone()).or_default();
        for fact in facts {
            known.retain(|older| !fact.replaces(older));
            known.push(fact);
        }
        // Of all others there is one each.
        let is_key = |fact: &CatalogFact| matches!(fact, CatalogFact::ApiKey(_));
        if known.iter().filter(|fact| is_key(fact)).count() > MOST_API_KEYS
            && let Some(oldest) = known.iter().position(is_key)
        {
            known.remove(oldest);
        }
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
        for (catalog, facts) in &self.0 {
            let known = catalogs.entry(catalog.clone()).or_default();
            for fact in facts {
                fact.clone().apply_to(known);
            }
        }
    }

    /// These are written; what came since is not.
    pub(super) fn remove(&mut self, written: &Self) {
        self.0
            .retain(|catalog, facts| written.0.get(catalog) != Some(facts));
    }
}
