//! Packages of a registry, and search.

use serde::{Deserialize, Serialize};

use crate::PackageName;

/// One version of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PackageVersion {
    /// `latest`, or when it was pushed in Unix seconds.
    pub version: String,
    /// The hash that names its content.
    pub top_hash: String,
}

/// What a deletion did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeletedPackage {
    /// The package.
    pub name: PackageName,
    /// Where it was.
    pub registry: String,
    /// The one version that was deleted; absent when it was the whole package.
    pub top_hash: Option<String>,
    /// The objects that were removed, relative to the registry.
    pub deleted: Vec<String>,
    /// What `latest` points to now, if the deletion changed that.
    pub latest: Option<String>,
}

/// What to search for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum SearchQuery {
    /// Elasticsearch's query string syntax.
    Text(String),
    /// A body in Elasticsearch's query DSL.
    Dsl(serde_json::Map<String, serde_json::Value>),
}

/// `POST /v1/search`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// The query.
    pub query: SearchQuery,
    /// The most hits to answer with; 10 unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A line of a listing that is streamed as `application/x-ndjson`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum PackageLine {
    /// A package.
    Name(String),
    /// The listing failed here; nothing follows.
    Problem(Box<crate::Problem>),
}

/// The media type of a streamed listing: a JSON value a line.
pub const NDJSON: &str = "application/x-ndjson";
