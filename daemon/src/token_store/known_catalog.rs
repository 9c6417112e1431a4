//! What is known of one catalog, as it is kept.

use quilt_proto::RegistryUrl;
use quilt_proto::wire::SessionUser;
use serde::{Deserialize, Serialize};

use quilt_proto::SecretHash;

/// What is known of one catalog.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownCatalog {
    /// Where a login or key last succeeded, or what the user agreed to since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry_url: Option<RegistryUrl>,
    /// The AWS region it last said it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Whose the login of that number is, or was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_owner: Option<LoginOwner>,
    /// Who was last there, by login or key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_user: Option<String>,
    /// Whose a session is, as the stack last said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<KeptUser>,
    /// The machine on which an API key was in use last, if it was not dropped
    /// since. Never the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_on: Option<String>,
    /// Hashes of API keys that its registry has known, the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub api_keys: Vec<SecretHash>,
    /// Where secrets of other catalogs on the same server went: of this one, it
    /// may be, by another spelling.
    #[serde(skip)]
    pub registries_of_same_server: Vec<RegistryUrl>,
    /// What was known before was lost with a broken file: where secrets went
    /// may not be where the catalog says now.
    #[serde(skip)]
    pub is_lost: bool,
}

/// Whose a login is, as the stack said when it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginOwner {
    /// The number of the login: another one may be another user's.
    pub login_id: String,
    /// Who.
    pub name: String,
}

/// A user, and the session that is theirs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptUser {
    /// Tells the session from those of others; no secret.
    pub session: String,
    /// Who.
    pub user: SessionUser,
}

impl KnownCatalog {
    /// Whether no login or key of this catalog was ever here.
    pub(super) fn is_only_named(&self) -> bool {
        let bare = Self {
            region: self.region.clone(),
            ..Self::default()
        };
        *self == bare
    }
}
