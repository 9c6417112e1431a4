//! `GET <catalog>/config.json`: where a catalog's services are.

use quilt_proto::aws::Region;
use quilt_proto::{CatalogUrl, RegistryHost, RegistryUrl, Timestamp, python_sdk};
use serde_json::{Map, Value, json};

use super::{StackClient, StackError, http, local_only_keys};

/// Largest configuration accepted, in bytes: a hundred times what catalogs have,
/// and little enough to be kept.
const MAX_CONFIG: usize = 64 * 1024;

/// What a catalog says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackConfig {
    /// Its registry.
    pub registry_url: RegistryUrl,
    /// That registry's host.
    pub registry_host: RegistryHost,
    /// The AWS region of the stack.
    pub region: Option<Region>,
    /// Everything as it came, but what is parsed above, and without what is not
    /// its to say.
    pub values: Map<String, Value>,
    /// When it said so, by its own clock.
    pub date: Option<Timestamp>,
}

impl StackClient {
    /// Reads a catalog's configuration. Unknown keys are kept, a missing or
    /// unusable `registryUrl` is an error.
    pub async fn discover(&self, catalog: &CatalogUrl) -> Result<StackConfig, StackError> {
        let url = catalog.join("/config.json");
        let answer = self.get_anywhere(&url).await?;
        if answer.body.len() > MAX_CONFIG {
            return Err(answer.invalid("its config.json is too large"));
        }
        let mut values: Map<String, Value> = answer.json()?;
        let registry = match values.get(python_sdk::REGISTRY_URL) {
            Some(Value::String(text)) if !text.is_empty() => text,
            _ => return Err(answer.invalid("its config.json names no registryUrl")),
        };
        let unusable = |reason: &dyn std::fmt::Display| {
            let reason = format!("the registryUrl in its config.json is unusable: {reason}");
            StackError::invalid(http::host(&url), reason)
        };
        let registry_url: RegistryUrl = registry.parse().map_err(|error| unusable(&error))?;
        let registry_host = registry_url
            .host()
            .ok_or_else(|| unusable(&"its host is no host name"))?;
        let region = values.get("region").and_then(Value::as_str);
        let region: Option<Region> = region
            .filter(|region| !region.is_empty())
            .map(str::parse)
            .transpose()
            .map_err(|_| answer.invalid("the region in its config.json is none"))?;
        values.insert(python_sdk::REGISTRY_URL.to_owned(), json!(registry_url));
        local_only_keys::remove(&mut values);
        Ok(StackConfig {
            registry_url,
            registry_host,
            region,
            values,
            date: answer.date,
        })
    }
}
