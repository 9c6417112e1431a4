//! API keys.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::fake_stack::random;

/// What every key starts with.
pub(crate) const PREFIX: &str = "qk_";

/// A key, without its secret: the stack keeps a hash only.
#[derive(Debug, Clone)]
pub(crate) struct ApiKey {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) fingerprint: String,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) last_used_at: Option<Timestamp>,
    pub(crate) user: String,
    secret_hash: [u8; 32],
}

impl ApiKey {
    pub(crate) fn expired(&self, now: Timestamp) -> bool {
        self.expires_at <= now
    }
}

/// A key to plant, with any history.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySeed {
    /// Owner.
    pub user: String,
    /// Name of the key.
    pub name: String,
    /// Age in seconds.
    #[serde(default)]
    pub created_seconds_ago: i64,
    /// Seconds until it expires; zero or less: it has.
    #[serde(default = "ninety_days")]
    pub expires_in_seconds: i64,
    /// Seconds since its last use; never used without a number.
    #[serde(default)]
    pub used_seconds_ago: Option<i64>,
    /// The key itself, as another stack knows it; without, one is made.
    #[serde(default)]
    pub secret: Option<String>,
}

fn ninety_days() -> i64 {
    90 * 86_400
}

impl KeySeed {
    /// A key fresh from its creation, good for ninety days.
    pub fn new(user: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            name: name.into(),
            created_seconds_ago: 0,
            expires_in_seconds: ninety_days(),
            used_seconds_ago: None,
            secret: None,
        }
    }
}

/// A key somebody just got, the only time its secret is known.
#[derive(Clone, Serialize, Deserialize)]
pub struct NewKey {
    /// Identifier.
    pub id: String,
    /// The secret, `qk_…`.
    pub secret: String,
}

impl std::fmt::Debug for NewKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Every key of the stack, oldest first.
#[derive(Debug, Default)]
pub(crate) struct ApiKeys {
    keys: BTreeMap<u64, ApiKey>,
    last: u64,
}

/// What a list is narrowed by; nothing given is no narrowing.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) user: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) fingerprint: Option<String>,
    pub(crate) expired: Option<bool>,
}

impl ApiKeys {
    pub(crate) fn create(
        &mut self,
        user: &str,
        name: &str,
        created_at: Timestamp,
        expires_at: Timestamp,
        last_used_at: Option<Timestamp>,
    ) -> (ApiKey, String) {
        let secret = format!("{PREFIX}{}", random::alphanumeric(56));
        let key = self.plant(&secret, user, name, created_at, expires_at, last_used_at);
        (key, secret)
    }

    /// The same of a secret that there is.
    pub(crate) fn plant(
        &mut self,
        secret: &str,
        user: &str,
        name: &str,
        created_at: Timestamp,
        expires_at: Timestamp,
        last_used_at: Option<Timestamp>,
    ) -> ApiKey {
        let key = ApiKey {
            id: random::uuid(),
            name: name.to_owned(),
            fingerprint: fingerprint(secret),
            created_at,
            expires_at,
            last_used_at,
            user: user.to_owned(),
            secret_hash: hash(secret),
        };
        self.last += 1;
        self.keys.insert(self.last, key.clone());
        key
    }

    /// Every key a filter lets through.
    pub(crate) fn list(&self, filter: &Filter, now: Timestamp) -> Vec<ApiKey> {
        let equal = |wanted: &Option<String>, value: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == value)
        };
        self.keys
            .values()
            .filter(|key| equal(&filter.user, &key.user))
            .filter(|key| equal(&filter.name, &key.name))
            .filter(|key| equal(&filter.fingerprint, &key.fingerprint))
            .filter(|key| {
                filter
                    .expired
                    .is_none_or(|expired| expired == key.expired(now))
            })
            .cloned()
            .collect()
    }

    pub(crate) fn by_id(&self, id: &str) -> Option<&ApiKey> {
        self.keys.values().find(|key| key.id == id)
    }

    pub(crate) fn by_secret(&self, secret: &str) -> Option<&ApiKey> {
        let hash = hash(secret);
        self.keys.values().find(|key| key.secret_hash == hash)
    }

    /// The live key of this secret, marked as used.
    pub(crate) fn use_secret(&mut self, secret: &str, now: Timestamp) -> Option<ApiKey> {
        let hash = hash(secret);
        let key = self.keys.values_mut().find(|key| key.secret_hash == hash)?;
        if key.expired(now) {
            return None;
        }
        key.last_used_at = Some(now);
        Some(key.clone())
    }

    /// Removes a key; false if there is none of that id.
    pub(crate) fn revoke(&mut self, id: &str) -> bool {
        let before = self.keys.len();
        self.keys.retain(|_, key| key.id != id);
        self.keys.len() < before
    }

    /// Ends a key's life now; false if there is none of that id.
    pub(crate) fn expire(&mut self, id: &str, now: Timestamp) -> bool {
        let key = self.keys.values_mut().find(|key| key.id == id);
        key.map(|key| key.expires_at = now).is_some()
    }
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// `qk_abc...xyz`: enough to recognise a key by, too little to use it.
fn fingerprint(secret: &str) -> String {
    let tail = secret.len().saturating_sub(3);
    format!("{}...{}", &secret[..PREFIX.len() + 3], &secret[tail..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_secret_until_it_expires_or_is_revoked() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let later = Timestamp::from_second(2_000_000).unwrap();
        let mut keys = ApiKeys::default();
        let (key, secret) = keys.create("alice", "ci", now, later, None);
        assert!(secret.starts_with(PREFIX));
        assert_eq!(key.fingerprint.len(), "qk_abc...xyz".len());
        assert!(keys.use_secret("qk_wrong", now).is_none());
        assert_eq!(
            keys.use_secret(&secret, now).unwrap().last_used_at,
            Some(now)
        );
        assert!(keys.use_secret(&secret, later).is_none(), "expired");
        assert!(keys.revoke(&key.id));
        assert!(keys.use_secret(&secret, now).is_none(), "revoked");
    }

    #[test]
    fn filters_narrow_together() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let later = Timestamp::from_second(2_000_000).unwrap();
        let mut keys = ApiKeys::default();
        keys.create("alice", "ci", now, later, None);
        keys.create("alice", "old", now, now, None);
        keys.create("bob", "ci", now, later, None);
        let count = |filter: Filter| keys.list(&filter, now).len();
        let alice = || Some("alice".to_owned());
        assert_eq!(
            count(Filter {
                user: alice(),
                ..Filter::default()
            }),
            2
        );
        assert_eq!(
            count(Filter {
                name: Some("ci".to_owned()),
                ..Filter::default()
            }),
            2
        );
        assert_eq!(
            count(Filter {
                user: alice(),
                expired: Some(true),
                ..Filter::default()
            }),
            1
        );
    }
}
