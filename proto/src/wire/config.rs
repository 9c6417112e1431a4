//! The configuration shared with the Python SDK.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `config.yml` as the Python SDK would read it: its template's keys, filled
/// in from the file. Values are strings, numbers, booleans or null.
pub type ConfigValues = BTreeMap<String, Value>;

/// `PUT /v1/config`: replace from a catalog's `/config.json`, or merge values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ConfigUpdate {
    /// Autoconfigure from this catalog; an empty text resets the file.
    CatalogUrl(String),
    /// Merge these values into the file.
    Values(ConfigValues),
}
