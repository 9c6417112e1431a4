//! What the daemon holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::TokenKind;
use crate::{CatalogUrl, Command, ProfileName, RegistryUrl, Secret, Timestamp};

/// `GET /v1/health`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Health {
    /// Always `ok` when the daemon answers.
    pub status: String,
    /// The daemon's version.
    pub version: String,
}

/// `GET /v1/status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Status {
    /// The daemon's version.
    pub version: String,
    /// The daemon's process id.
    pub pid: u32,
    /// When it started.
    pub started_at: Timestamp,
    /// The socket it listens on.
    pub socket: String,
    /// Where refresh tokens are kept: `keyring`, `file` or `memory`.
    pub token_store: String,
    /// Things to mend, one line each: the findings, written out.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Things to mend.
    #[serde(default)]
    pub findings: Vec<super::Finding>,
    /// What the daemon does to keep its secrets to itself.
    #[serde(default)]
    pub protections: Vec<Protection>,
    /// Rights to use some of it over loopback.
    #[serde(default)]
    pub grants: Vec<super::GrantStatus>,
    /// How the daemon reaches the network.
    #[serde(default)]
    pub network: NetworkStatus,
    /// How much was audited since the daemon started: `/v1/audit` has more to
    /// say whenever this has grown.
    #[serde(default)]
    pub audited: u64,
    /// The catalog that is meant where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_catalog: Option<CatalogUrl>,
    /// Every catalog the daemon knows.
    pub catalogs: Vec<CatalogStatus>,
}

/// How the daemon reaches the network, in [`Status`]; passwords of proxies are
/// not shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NetworkStatus {
    /// The variables it was started with.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Certificates that its settings name.
    #[serde(default)]
    pub ca_bundle: Vec<String>,
    /// The proxy that its settings name; empty is none at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// Whom that proxy is not for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_proxy: Option<String>,
}

/// `POST /v1/network/comparison`: proxies with their passwords, which no status
/// shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ProxyPasswords {
    /// Values of a program's variables, by name in capitals.
    pub variables: BTreeMap<String, Secret>,
}

/// Which of those the daemon has with another password.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PasswordComparison {
    /// Their names.
    pub differing: Vec<String>,
}

/// A protection of the daemon's process in [`Status`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Protection {
    /// `no_core_dumps`, `locked_memory`, `no_tracing`, `no_new_privileges` or
    /// `known_connections`.
    pub name: String,
    /// Whether it is in force.
    pub active: bool,
    /// Why it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// One catalog in [`Status`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CatalogStatus {
    /// The catalog.
    pub catalog_url: CatalogUrl,
    /// Its registry, where known.
    pub registry_url: Option<RegistryUrl>,
    /// Its session.
    pub session: SessionStatus,
    /// AWS credentials held for it.
    pub credentials: Vec<CredentialStatus>,
    /// Its name in `quiltd.toml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// Who is logged in, as the stack last said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<SessionUser>,
    /// The command that mends the session, where it does not work as it should.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub hint: Option<Command>,
}

/// The user of a session in [`CatalogStatus`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SessionUser {
    /// User name.
    pub name: String,
    /// The active role.
    pub role: Option<String>,
    /// Whether the user administers the stack.
    pub is_admin: bool,
    /// When the stack said so.
    pub seen_at: Timestamp,
}

/// A session in [`Status`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SessionStatus {
    /// Whether it works.
    pub state: SessionState,
    /// How the user logged in; null when logged out.
    pub kind: Option<TokenKind>,
    /// When the held access token stops working.
    pub access_token_expires_at: Option<Timestamp>,
    /// Why the last refresh failed, until one succeeds.
    pub last_error: Option<String>,
    /// The key in use, as the stack shows it (`qk_abc...xyz`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_fingerprint: Option<String>,
    /// When the key in use stops working, once the stack has said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_expires_at: Option<Timestamp>,
}

/// Whether a session works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// Nobody is logged in.
    LoggedOut,
    /// Usable.
    Active,
    /// The stack ended it; a new login is needed.
    Expired,
}

/// AWS credentials in [`Status`]; never the secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CredentialStatus {
    /// The profile they belong to.
    pub profile: ProfileName,
    /// When they stop working; null when none are held.
    pub expires_at: Option<Timestamp>,
    /// When the daemon will replace them.
    pub next_refresh_at: Option<Timestamp>,
    /// Why the last refresh failed, until one succeeds.
    pub last_error: Option<String>,
}
