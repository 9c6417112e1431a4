//! The configuration shared with the Python SDK.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `config.yml` as the Python SDK would read it: its template's keys, filled
/// in from the file. Values are strings, numbers, booleans or null.
pub type ConfigValues = BTreeMap<String, Value>;

/// `PUT /v1/config`: replace from a catalog's `/config.json`, or merge values;
/// one of both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigUpdate {
    /// Autoconfigure from this catalog; an empty text resets the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog_url: Option<String>,
    /// Merge these values into the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<ConfigValues>,
}

impl ConfigUpdate {
    /// Autoconfigure from a catalog; an empty text resets the file.
    pub fn catalog(url: impl Into<String>) -> Self {
        Self {
            catalog_url: Some(url.into()),
            values: None,
        }
    }

    /// Merge values into the file.
    pub fn values(values: ConfigValues) -> Self {
        Self {
            catalog_url: None,
            values: Some(values),
        }
    }
}

/// Says that it is one of both.
#[cfg(feature = "schema")]
mod schema {
    use std::borrow::Cow;

    use schemars::{JsonSchema, Schema, SchemaGenerator};
    use serde::Deserialize;

    use super::ConfigValues;

    /// `PUT /v1/config`: replace from a catalog's `/config.json`, or merge values.
    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    #[expect(dead_code, reason = "only its schema is used")]
    enum ConfigUpdate {
        /// Autoconfigure from this catalog; an empty text resets the file.
        CatalogUrl(String),
        /// Merge these values into the file.
        Values(ConfigValues),
    }

    impl JsonSchema for super::ConfigUpdate {
        fn schema_name() -> Cow<'static, str> {
            ConfigUpdate::schema_name()
        }

        fn json_schema(generator: &mut SchemaGenerator) -> Schema {
            ConfigUpdate::json_schema(generator)
        }
    }
}
