//! Buckets, as the catalog lists them.

use async_graphql::{Context, Object, SimpleObject};

use super::{core, viewer};

#[derive(Default)]
pub(crate) struct BucketQuery;

/// A bucket in the catalog.
#[derive(Debug, SimpleObject)]
pub(crate) struct BucketConfig {
    name: String,
    title: String,
    description: Option<String>,
    icon_url: Option<String>,
    overview_url: Option<String>,
    tags: Option<Vec<String>>,
    relevance_score: i32,
    last_indexed: Option<String>,
    sns_notification_arn: Option<String>,
    scanner_parallel_shards_depth: Option<i32>,
    skip_meta_data_indexing: Option<bool>,
    file_extensions_to_index: Option<Vec<String>>,
    index_content_bytes: Option<i32>,
    browsable: bool,
    prefixes: Vec<String>,
}

#[Object]
impl BucketQuery {
    /// The buckets the active role opens.
    async fn bucket_configs(
        &self,
        context: &Context<'_>,
    ) -> async_graphql::Result<Vec<BucketConfig>> {
        visible(context)
    }

    async fn bucket_config(
        &self,
        context: &Context<'_>,
        name: String,
    ) -> async_graphql::Result<Option<BucketConfig>> {
        Ok(visible(context)?
            .into_iter()
            .find(|bucket| bucket.name == name))
    }
}

fn visible(context: &Context<'_>) -> async_graphql::Result<Vec<BucketConfig>> {
    let (core, user) = (core(context)?, viewer(context)?);
    let access = core.users.lock().access(&user.role);
    let open = |name: &str| access.iter().any(|a| a.bucket == "*" || a.bucket == name);
    let buckets = core.buckets.lock();
    let names = buckets
        .iter()
        .map(|(name, _)| name)
        .filter(|name| open(name));
    Ok(names.map(|name| BucketConfig::plain(name)).collect())
}

impl BucketConfig {
    fn plain(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            title: name.to_owned(),
            description: None,
            icon_url: None,
            overview_url: None,
            tags: None,
            relevance_score: 100,
            last_indexed: None,
            sns_notification_arn: None,
            scanner_parallel_shards_depth: None,
            skip_meta_data_indexing: None,
            file_extensions_to_index: None,
            index_content_bytes: None,
            browsable: false,
            prefixes: vec![String::new()],
        }
    }
}
