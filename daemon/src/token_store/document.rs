//! What is stored.

use std::collections::BTreeMap;

use quilt_proto::{CatalogUrl, RegistryUrl, Secret, Timestamp};
use serde::{Deserialize, Serialize};

/// Everything stored, as one JSON document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The layout of this document; 1.
    pub version: u32,
    /// One login a catalog.
    #[serde(default)]
    pub sessions: BTreeMap<CatalogUrl, Record>,
    /// OAuth client ids registered with stacks, by issuer (RFC 7591).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub oauth_clients: BTreeMap<String, OAuthClient>,
}

/// A public OAuth client this installation registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OAuthClient {
    /// The id the stack gave it.
    pub client_id: String,
    /// The redirect URI of its last login.
    pub redirect_uri: String,
    /// Others that it was registered with, which no login has come back to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unused_redirect_uris: Vec<String>,
}

impl Document {
    /// The layout this version writes.
    pub const VERSION: u32 = 1;
}

/// Why bytes are no document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// A version of quiltd wrote them that this one does not understand.
    Newer,
    /// Nobody can read them.
    Broken,
}

/// Only the version, to recognise documents of the future.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

impl Document {
    /// The document in `text`.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Unreadable> {
        match serde_json::from_slice::<Version>(text) {
            Ok(Version { version }) if version > Self::VERSION => Err(Unreadable::Newer),
            Ok(_) => serde_json::from_slice(text).map_err(|_| Unreadable::Broken),
            Err(_) => Err(Unreadable::Broken),
        }
    }

    /// Whether nothing in it is worth keeping.
    pub(super) fn is_empty(&self) -> bool {
        self.sessions.is_empty() && self.oauth_clients.is_empty()
    }
}

impl Default for Document {
    fn default() -> Self {
        Self {
            version: Self::VERSION,
            sessions: BTreeMap::new(),
            oauth_clients: BTreeMap::new(),
        }
    }
}

/// An interactive login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Where its tokens come from.
    pub registry_url: RegistryUrl,
    /// Made anew by each login and kept by its rotations: tells a rotation
    /// that finishes late that somebody logged out or in meanwhile.
    pub login_id: String,
    /// How it was made.
    pub method: LoginMethod,
    /// The newest refresh token.
    pub refresh_token: Secret,
    /// The newest access token.
    pub access_token: Secret,
    /// When the access token stops working.
    pub access_token_expires_at: Timestamp,
    /// When its newest tokens were obtained.
    #[serde(default)]
    pub obtained_at: Timestamp,
    /// The stack ended this session.
    #[serde(default)]
    pub ended: bool,
    /// When it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How often its active role was switched: tells other daemons that what
    /// they hold is another role's.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub role_switches: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Record {
    /// Whether the stack may take back that it ended this session.
    pub fn may_come_back(&self) -> bool {
        matches!(self.method, LoginMethod::Code)
    }

    /// Whether this one should be kept of two logins to the same catalog.
    pub(super) fn is_newer_than(&self, other: &Self) -> bool {
        (!self.ended, self.obtained_at) > (!other.ended, other.obtained_at)
    }
}

#[cfg(test)]
impl Record {
    /// A login of then, with tokens for an hour.
    pub(crate) fn of_test(registry_url: RegistryUrl, now: Timestamp) -> Self {
        Self {
            registry_url,
            login_id: "login".to_owned(),
            method: LoginMethod::Code,
            refresh_token: Secret::new("refresh"),
            access_token: Secret::new("access"),
            access_token_expires_at: now.plus_seconds(3600),
            obtained_at: now,
            ended: false,
            ended_at: None,
            role_switches: 0,
        }
    }
}

/// How a login was made, which decides how its tokens are refreshed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum LoginMethod {
    /// A pasted code.
    Code,
    /// OAuth 2.1 through the browser.
    OAuth {
        /// The registered public client.
        client_id: String,
        /// Where tokens are refreshed.
        token_endpoint: String,
        /// Where they are revoked, if anywhere.
        revocation_endpoint: Option<String>,
    },
}
