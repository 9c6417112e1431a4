//! API keys.

use serde::{Deserialize, Serialize};

use crate::{RegistryHost, Secret, Timestamp};

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

/// `POST /v1/api-keys/revoke`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ApiKeyRevocation {
    /// The secret of the key to revoke.
    pub secret: Secret,
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
}
