//! The keys of `config.yml`, their defaults, and what values they take: those
//! of the Python SDK 8.

use std::path::Path;

use quilt_proto::aws::Region;
use quilt_proto::wire::ConfigValues;
use quilt_proto::{CatalogUrl, RegistryUrl, python_sdk, terminal_safe};
use serde_json::{Value, json};
use url::Url;

use super::ConfigError;

const REGION: &str = "region";

/// Every key, in the SDK's order.
pub(super) const KEYS: [&str; 11] = [
    python_sdk::NAVIGATOR_URL,
    python_sdk::DEFAULT_LOCAL_REGISTRY,
    python_sdk::DEFAULT_REMOTE_REGISTRY,
    python_sdk::DEFAULT_INSTALL_LOCATION,
    python_sdk::REGISTRY_URL,
    python_sdk::TELEMETRY_DISABLED,
    "s3Proxy",
    "apiGatewayEndpoint",
    "binaryApiGatewayEndpoint",
    python_sdk::DEFAULT_REGISTRY_VERSION,
    REGION,
];

/// The configuration of somebody who configured nothing; `dir` is where the
/// SDK keeps its files.
pub(super) fn defaults(dir: &Path) -> ConfigValues {
    let default = |key: &str| match key {
        python_sdk::DEFAULT_LOCAL_REGISTRY => {
            Url::from_file_path(dir.join("packages")).map_or(Value::Null, |url| json!(url.as_str()))
        }
        python_sdk::TELEMETRY_DISABLED => json!(false),
        python_sdk::DEFAULT_REGISTRY_VERSION => json!(1),
        _ => Value::Null,
    };
    KEYS.iter()
        .map(|key| ((*key).to_owned(), default(key)))
        .collect()
}

/// Checks a value a user sets and gives it its type.
pub(super) fn check(key: &str, value: &Value) -> Result<Value, ConfigError> {
    if !KEYS.contains(&key) {
        return Err(ConfigError::UnknownKey {
            key: key.to_owned(),
            known: KEYS.join(", "),
        });
    }
    let bad = |reason: String| ConfigError::BadValue {
        key: key.to_owned(),
        reason,
    };
    if matches!(value, Value::Array(_) | Value::Object(_)) {
        return Err(bad("expected a single value".to_owned()));
    }
    let text = match value {
        Value::Null => return Ok(Value::Null),
        Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    };
    if text.is_empty() {
        return Ok(Value::Null);
    }
    match key {
        python_sdk::TELEMETRY_DISABLED => match text.as_str() {
            "true" => Ok(json!(true)),
            "false" => Ok(json!(false)),
            _ => Err(bad("expected true or false".to_owned())),
        },
        python_sdk::DEFAULT_REGISTRY_VERSION => match text.as_str() {
            "1" => Ok(json!(1)),
            "2" => Ok(json!(2)),
            _ => Err(bad("expected 1 or 2".to_owned())),
        },
        python_sdk::NAVIGATOR_URL => text
            .parse::<CatalogUrl>()
            .map(|url| json!(url))
            .map_err(|error| bad(error.to_string())),
        python_sdk::REGISTRY_URL => text
            .parse::<RegistryUrl>()
            .map(|url| json!(url))
            .map_err(|error| bad(error.to_string())),
        REGION => text
            .parse::<Region>()
            .map(|region| json!(region.as_str()))
            .map_err(|_| bad("expected an AWS region such as us-east-1".to_owned())),
        _ if !text.chars().all(terminal_safe::is_harmless) => {
            Err(bad("expected a text that can be shown".to_owned()))
        }
        _ => Ok(json!(text)),
    }
}
