//! API keys.

use serde::{Deserialize, Serialize};

use crate::{CatalogUrl, Command, RegistryHost, Secret, SecretHash, Timestamp};

/// The lifetimes a stack grants, in days (Quilt behaviour).
pub const KEY_LIFETIME_DAYS: std::ops::RangeInclusive<i64> = 1..=365;

/// Says that a lifetime is none of [`KEY_LIFETIME_DAYS`], in the guide's words.
pub fn bad_key_lifetime() -> String {
    let (least, most) = KEY_LIFETIME_DAYS.into_inner();
    format!("Expiration must be between {least} and {most} days")
}

/// The lifetime of a key whose maker names none, in days (Quilt behaviour).
pub const DEFAULT_KEY_LIFETIME_DAYS: i64 = 90;

/// A key that works for less than this is worth a word, in seconds: two weeks.
pub const KEY_ENDS_SOON: i64 = 14 * 86_400;

/// `PUT /v1/session/api-key`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ApiKeyHandover {
    /// The secret, `qk_…`; surrounding white space allowed.
    pub key: Secret,
    /// The registry's host, where it is another one than before and the user
    /// agreed to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept_registry: Option<RegistryHost>,
    /// The catalog that is meant where the request names none and the key is
    /// known at none: the default one, as the user saw it. Without, that of the
    /// moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_catalog: Option<CatalogUrl>,
}

/// Of which nothing else is said.
impl From<Secret> for ApiKeyHandover {
    fn from(key: Secret) -> Self {
        Self {
            key,
            accept_registry: None,
            default_catalog: None,
        }
    }
}

/// A key as the stack lists it; never its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ApiKey {
    /// Its identifier.
    pub id: String,
    /// Its name; several keys may share one.
    pub name: String,
    /// What may be shown of the secret, `qk_abc...xyz`.
    pub fingerprint: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
    /// When it was last used; null if never.
    pub last_used_at: Option<Timestamp>,
    /// Whether it works.
    pub status: ApiKeyStatus,
    /// The e-mail address of its owner.
    pub user_email: String,
}

/// Within how many seconds a new key was tried by whoever made it.
const TRIED_WITHIN: i64 = 5;

/// Who did not use a key for this long, in seconds, may have given it up.
const IN_USE_WITHIN: i64 = 86_400;

impl ApiKey {
    /// Whether this may be what an interrupted rotation of `other`, or to it,
    /// has left: it has the same name, works, and is used by nobody now.
    pub fn is_left_beside(&self, other: &Self, now: Timestamp) -> bool {
        let is_twin = self.name == other.name
            && self.user_email == other.user_email
            && self.id != other.id
            && self.status == ApiKeyStatus::Active;
        let made = self.created_at.max(other.created_at);
        let is_used = self.last_used_at.is_some_and(|used| {
            used.seconds_since(made) > TRIED_WITHIN && now.seconds_since(used) < IN_USE_WITHIN
        });
        is_twin && !is_used
    }
}

/// Whether a key works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ApiKeyStatus {
    /// It does.
    Active,
    /// Its life is over.
    Expired,
}

impl ApiKeyStatus {
    /// The name the stack uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Expired => "EXPIRED",
        }
    }
}

/// What a list of keys is narrowed by; what is absent narrows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ApiKeyFilter {
    /// The owner's e-mail address; for admins only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The key's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The key's fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Whether it works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ApiKeyStatus>,
}

/// `POST /v1/api-keys`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewApiKey {
    /// The key's name.
    pub name: String,
    /// Its lifetime in days, one of [`KEY_LIFETIME_DAYS`].
    #[serde(default = "default_days")]
    #[cfg_attr(
        feature = "schema",
        schemars(range(min = *KEY_LIFETIME_DAYS.start(), max = *KEY_LIFETIME_DAYS.end()))
    )]
    pub expires_in_days: i64,
}

fn default_days() -> i64 {
    DEFAULT_KEY_LIFETIME_DAYS
}

/// A key just made. Nothing shows its secret again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreatedApiKey {
    /// The key.
    pub api_key: ApiKey,
    /// Its secret.
    pub secret: Secret,
}

/// `POST /v1/api-keys/find`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ApiKeyLookup {
    /// Of the key: whoever answers gets no secret.
    pub hash: SecretHash,
}

/// `POST /v1/api-keys/revoke`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ApiKeyRevocation {
    /// The secret of the key to revoke.
    pub secret: Secret,
    /// The catalog that is meant where neither is named nor known which one's
    /// the key is, as when it is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_catalog: Option<CatalogUrl>,
}

/// Of which nothing else is said.
impl From<Secret> for ApiKeyRevocation {
    fn from(secret: Secret) -> Self {
        Self {
            secret,
            default_catalog: None,
        }
    }
}

/// `POST /v1/api-keys/rotate`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ApiKeyRotation {
    /// The key to replace; the one in use when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The lifetime of its successor in days; the same as its own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "schema",
        schemars(range(min = *KEY_LIFETIME_DAYS.start(), max = *KEY_LIFETIME_DAYS.end()))
    )]
    pub expires_in_days: Option<i64>,
}

/// A key and its successor, which works. The old key works as well until
/// whoever got this has kept the secret and revokes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RotatedApiKey {
    /// The successor.
    pub api_key: ApiKey,
    /// The successor's secret.
    pub secret: Secret,
    /// The key to revoke.
    pub replaces: ApiKey,
    /// Whether the daemon uses the successor now.
    pub in_use: bool,
    /// Where the daemon reads the old key at each start, in words: the successor
    /// belongs there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_from: Option<String>,
    /// The command that puts another key there; none where only whoever wrote
    /// the service's unit knows how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub replace_there: Option<Command>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_in_use_was_not_left_behind() {
        let made = Timestamp::from_unix(1_000_000);
        let key = |id: &str, used: Option<i64>| ApiKey {
            id: id.to_owned(),
            name: "ci".to_owned(),
            fingerprint: "qk_abc...xyz".to_owned(),
            created_at: made,
            expires_at: made.plus_seconds(90 * 86_400),
            last_used_at: used.map(|after| made.plus_seconds(after)),
            status: ApiKeyStatus::Active,
            user_email: "a@quilt.example".to_owned(),
        };
        let now = made.plus_seconds(10 * 86_400);
        let old = key("old", Some(10 * 86_400));
        let is_left = |key: ApiKey| key.is_left_beside(&old, now);
        assert!(is_left(key("new", None)));
        assert!(is_left(key("new", Some(2))), "tried when it was made");
        assert!(is_left(key("new", Some(8 * 86_400))), "given up since");
        assert!(!is_left(key("new", Some(10 * 86_400 - 60))));
        assert!(!is_left(old.clone()));
        let other = |change: fn(&mut ApiKey)| {
            let mut key = key("new", None);
            change(&mut key);
            is_left(key)
        };
        assert!(!other(|key| key.name = "cd".to_owned()));
        assert!(!other(|key| key.user_email = "b@quilt.example".to_owned()));
        assert!(!other(|key| key.status = ApiKeyStatus::Expired));
    }
}
