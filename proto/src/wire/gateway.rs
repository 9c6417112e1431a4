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

/// A catalog's own address at the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GatewayAddress {
    /// The catalog.
    pub catalog_url: CatalogUrl,
    /// Where the SDK finds it, as `quilt3.session.use_registry_url` takes it.
    pub gateway_url: RegistryUrl,
}

/// How the gateway stands, and what the request changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Where each catalog is reached that the SDK holds a grant for, this one
    /// too: for quilt3 8.1, which speaks to several registries.
    #[serde(default)]
    pub addresses: Vec<GatewayAddress>,
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

impl Gateway {
    /// Where the catalog that the SDK is led to is reached, whichever it is led
    /// to later: at its own address, where it has one.
    pub fn own_address(&self) -> Option<&RegistryUrl> {
        let is_led = |it: &&GatewayAddress| self.catalog_url.as_ref() == Some(&it.catalog_url);
        let own = self.addresses.iter().find(is_led);
        own.map(|own| &own.gateway_url)
            .or(self.gateway_url.as_ref())
    }
}
