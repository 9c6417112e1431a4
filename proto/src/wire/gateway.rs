//! The registry gateway for the Python SDK.

use serde::{Deserialize, Serialize};

use super::Session;
use crate::{CatalogUrl, RegistryUrl};

/// `PUT /v1/gateway`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GatewayRequest {
    /// Take over a login that the Python SDK made itself.
    #[serde(default)]
    pub import: bool,
    /// Keep back what makes API keys, or makes or ends logins. Without it,
    /// whoever holds the grant may do both.
    #[serde(default)]
    pub without_api_keys: bool,
}

/// How the gateway stands, and what the request changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each a field of the JSON"
)]
pub struct Gateway {
    /// The catalog the Python SDK is led to; null where it is not.
    pub catalog_url: Option<CatalogUrl>,
    /// That catalog's registry.
    pub registry_url: Option<RegistryUrl>,
    /// Where the SDK finds the gateway.
    pub gateway_url: Option<RegistryUrl>,
    /// Whether the gateway takes requests.
    pub listening: bool,
    /// How the SDK's files no longer lead to it, one line each.
    #[serde(default)]
    pub strays: Vec<String>,
    /// The SDK's files.
    #[serde(default)]
    pub files: Vec<String>,
    /// Whether this request changed any of them.
    #[serde(default)]
    pub changed: bool,
    /// Whether what makes API keys, or makes or ends logins, is kept back.
    #[serde(default)]
    pub without_api_keys: bool,
    /// Whether this request changed that.
    #[serde(default)]
    pub rights_changed: bool,
    /// Whether this request took over a login of the SDK's own.
    #[serde(default)]
    pub imported: bool,
    /// Whether a login that the SDK made itself is still in its files.
    #[serde(default)]
    pub own_login: bool,
    /// The login this request took over: whose it is, and who was there before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<Session>,
}
