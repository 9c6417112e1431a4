//! What admins set beside users and roles: buckets, tables, single sign-on.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::config::BucketConfig;

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Administration {
    /// Buckets in the catalog, by name.
    pub(crate) buckets: BTreeMap<String, BucketSettings>,
    pub(crate) sso: Option<SsoSettings>,
    pub(crate) tabulator_open_query: bool,
}

/// A bucket, as admins describe it.
#[derive(Debug, Clone, Default)]
pub(crate) struct BucketSettings {
    pub(crate) title: String,
    pub(crate) description: Option<String>,
    pub(crate) icon_url: Option<String>,
    pub(crate) overview_url: Option<String>,
    pub(crate) linked_data: Option<serde_json::Value>,
    pub(crate) tags: Option<Vec<String>>,
    pub(crate) relevance_score: i32,
    pub(crate) sns_notification_arn: Option<String>,
    pub(crate) scanner_parallel_shards_depth: Option<i32>,
    pub(crate) skip_meta_data_indexing: Option<bool>,
    pub(crate) file_extensions_to_index: Option<Vec<String>>,
    pub(crate) index_content_bytes: Option<i32>,
    pub(crate) browsable: bool,
    pub(crate) prefixes: Vec<String>,
    /// Configurations of tables, by name.
    pub(crate) tables: BTreeMap<String, String>,
}

/// How users sign on who have no password here.
#[derive(Debug, Clone)]
pub(crate) struct SsoSettings {
    pub(crate) text: String,
    pub(crate) timestamp: Timestamp,
    /// The name of who set it.
    pub(crate) uploader: String,
}

impl Administration {
    /// Every bucket there is is in the catalog.
    pub(crate) fn new(buckets: &[BucketConfig]) -> Self {
        let described = |bucket: &BucketConfig| {
            let settings = BucketSettings::titled(&bucket.name);
            (bucket.name.clone(), settings)
        };
        Self {
            buckets: buckets.iter().map(described).collect(),
            ..Self::default()
        }
    }
}

impl BucketSettings {
    pub(crate) fn titled(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            relevance_score: 100,
            prefixes: vec![String::new()],
            ..Self::default()
        }
    }
}
