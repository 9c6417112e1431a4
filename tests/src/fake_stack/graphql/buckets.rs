//! Buckets, as the catalog lists them and admins change them.

use async_graphql::{ComplexObject, Context, InputObject, Json, Object, SimpleObject, Union};
use serde_json::Value;

use super::admin::require_admin;
use super::api_keys::Datetime;
use super::outcome::nothing_to_say;
use super::policies::PolicyBucketPermission;
use super::roles::RoleBucketPermission;
use super::tabulator::{BucketSetTabulatorTableResult, TabulatorTable, rename_table, set_table};
use super::{core, viewer};
use crate::fake_stack::administration::BucketSettings;
use crate::fake_stack::state::Core;

/// The most bytes of content that are indexed.
const MOST_INDEXED: i32 = 1024 * 1024;

/// A bucket in the catalog.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub(crate) struct BucketConfig {
    pub(super) name: String,
    title: String,
    icon_url: Option<String>,
    description: Option<String>,
    linked_data: Option<Json<Value>>,
    overview_url: Option<String>,
    tags: Option<Vec<String>>,
    relevance_score: i32,
    last_indexed: Option<Datetime>,
    browsable: bool,
    sns_notification_arn: Option<String>,
    scanner_parallel_shards_depth: Option<i32>,
    skip_meta_data_indexing: Option<bool>,
    file_extensions_to_index: Option<Vec<String>>,
    index_content_bytes: Option<i32>,
    prefixes: Vec<String>,
    tabulator_tables: Vec<TabulatorTable>,
}

#[ComplexObject]
impl BucketConfig {
    async fn associated_policies(
        &self,
        context: &Context<'_>,
    ) -> async_graphql::Result<Vec<PolicyBucketPermission>> {
        require_admin(context)?;
        Ok(PolicyBucketPermission::of(core(context)?, self))
    }

    async fn associated_roles(
        &self,
        context: &Context<'_>,
    ) -> async_graphql::Result<Vec<RoleBucketPermission>> {
        require_admin(context)?;
        Ok(RoleBucketPermission::of(core(context)?, self))
    }
}

impl BucketConfig {
    pub(super) fn new(name: &str, settings: &BucketSettings) -> Self {
        let settings = settings.clone();
        let tables = settings.tables.into_iter();
        Self {
            name: name.to_owned(),
            title: settings.title,
            icon_url: settings.icon_url,
            description: settings.description,
            linked_data: settings.linked_data.map(Json),
            overview_url: settings.overview_url,
            tags: settings.tags,
            relevance_score: settings.relevance_score,
            last_indexed: None,
            browsable: settings.browsable,
            sns_notification_arn: settings.sns_notification_arn,
            scanner_parallel_shards_depth: settings.scanner_parallel_shards_depth,
            skip_meta_data_indexing: settings.skip_meta_data_indexing,
            file_extensions_to_index: settings.file_extensions_to_index,
            index_content_bytes: settings.index_content_bytes,
            prefixes: settings.prefixes,
            tabulator_tables: tables
                .map(|(name, config)| TabulatorTable { name, config })
                .collect(),
        }
    }

    /// Every bucket in the catalog.
    pub(super) fn all(core: &Core) -> Vec<Self> {
        let administration = core.administration.lock();
        let buckets = administration.buckets.iter();
        buckets.map(|(name, it)| Self::new(name, it)).collect()
    }

    /// Those the active role opens; for admins, every one.
    fn visible(context: &Context<'_>) -> async_graphql::Result<Vec<Self>> {
        let (core, user) = (core(context)?, viewer(context)?);
        let access = core.users.lock().access(&user.role);
        let is_open = |name: &str| access.iter().any(|a| a.bucket == "*" || a.bucket == name);
        let mut all = Self::all(core);
        all.retain(|bucket| user.admin || is_open(&bucket.name));
        Ok(all)
    }
}

#[derive(Default)]
pub(crate) struct BucketQuery;

#[Object]
impl BucketQuery {
    async fn bucket_configs(
        &self,
        context: &Context<'_>,
    ) -> async_graphql::Result<Vec<BucketConfig>> {
        BucketConfig::visible(context)
    }

    async fn bucket_config(
        &self,
        context: &Context<'_>,
        name: String,
    ) -> async_graphql::Result<Option<BucketConfig>> {
        let mut visible = BucketConfig::visible(context)?.into_iter();
        Ok(visible.find(|bucket| bucket.name == name))
    }
}

#[derive(Debug, InputObject)]
pub(crate) struct BucketAddInput {
    name: String,
    title: String,
    icon_url: Option<String>,
    description: Option<String>,
    linked_data: Option<Json<Value>>,
    overview_url: Option<String>,
    tags: Option<Vec<String>>,
    relevance_score: Option<i32>,
    sns_notification_arn: Option<String>,
    scanner_parallel_shards_depth: Option<i32>,
    skip_meta_data_indexing: Option<bool>,
    file_extensions_to_index: Option<Vec<String>>,
    index_content_bytes: Option<i32>,
    delay_scan: Option<bool>,
    browsable: Option<bool>,
    prefixes: Option<Vec<String>>,
}

#[derive(Debug, InputObject)]
pub(crate) struct BucketUpdateInput {
    title: String,
    icon_url: Option<String>,
    description: Option<String>,
    linked_data: Option<Json<Value>>,
    overview_url: Option<String>,
    tags: Option<Vec<String>>,
    relevance_score: Option<i32>,
    sns_notification_arn: Option<String>,
    scanner_parallel_shards_depth: Option<i32>,
    skip_meta_data_indexing: Option<bool>,
    file_extensions_to_index: Option<Vec<String>>,
    index_content_bytes: Option<i32>,
    browsable: Option<bool>,
    prefixes: Option<Vec<String>>,
}

impl BucketAddInput {
    /// Its name, and what it has in common with a change; nothing is scanned
    /// here, so no scan is delayed.
    fn split(self) -> (String, BucketUpdateInput) {
        let _ = self.delay_scan;
        let rest = BucketUpdateInput {
            title: self.title,
            icon_url: self.icon_url,
            description: self.description,
            linked_data: self.linked_data,
            overview_url: self.overview_url,
            tags: self.tags,
            relevance_score: self.relevance_score,
            sns_notification_arn: self.sns_notification_arn,
            scanner_parallel_shards_depth: self.scanner_parallel_shards_depth,
            skip_meta_data_indexing: self.skip_meta_data_indexing,
            file_extensions_to_index: self.file_extensions_to_index,
            index_content_bytes: self.index_content_bytes,
            browsable: self.browsable,
            prefixes: self.prefixes,
        };
        (self.name, rest)
    }
}

/// What is wrong with a bucket as it is described.
enum Wrong {
    Extensions,
    Bytes,
    Sns,
}

impl BucketUpdateInput {
    fn check(&self) -> Result<(), Wrong> {
        let extensions = self.file_extensions_to_index.iter().flatten();
        let bytes = self.index_content_bytes;
        let arn = self.sns_notification_arn.as_deref();
        if extensions.clone().any(|it| !it.starts_with('.')) {
            Err(Wrong::Extensions)
        } else if bytes.is_some_and(|bytes| !(0..=MOST_INDEXED).contains(&bytes)) {
            Err(Wrong::Bytes)
        } else if arn.is_some_and(|arn| !arn.starts_with("arn:aws:sns:")) {
            Err(Wrong::Sns)
        } else {
            Ok(())
        }
    }

    fn settings(self, before: BucketSettings) -> BucketSettings {
        BucketSettings {
            title: self.title,
            description: self.description,
            icon_url: self.icon_url,
            overview_url: self.overview_url,
            linked_data: self.linked_data.map(|Json(value)| value),
            tags: self.tags,
            relevance_score: self.relevance_score.unwrap_or(before.relevance_score),
            sns_notification_arn: self.sns_notification_arn,
            scanner_parallel_shards_depth: self.scanner_parallel_shards_depth,
            skip_meta_data_indexing: self.skip_meta_data_indexing,
            file_extensions_to_index: self.file_extensions_to_index,
            index_content_bytes: self.index_content_bytes,
            browsable: self.browsable.unwrap_or(before.browsable),
            prefixes: self.prefixes.unwrap_or(before.prefixes),
            tables: before.tables,
        }
    }
}

nothing_to_say! {
    BucketNotFound, BucketAlreadyAdded, BucketDoesNotExist, BucketFileExtensionsToIndexInvalid,
    BucketIndexContentBytesInvalid, SnsInvalid, NotificationConfigurationError,
    NotificationTopicNotFound, IndexingInProgress, SubscriptionInvalid, BucketRemoveSuccess,
}

#[derive(SimpleObject)]
pub(crate) struct InsufficientPermissions {
    message: String,
}

#[derive(SimpleObject)]
pub(crate) struct BucketAddSuccess {
    bucket_config: BucketConfig,
}

#[derive(SimpleObject)]
pub(crate) struct BucketUpdateSuccess {
    bucket_config: BucketConfig,
}

#[derive(Union)]
pub(crate) enum BucketAddResult {
    Done(Box<BucketAddSuccess>),
    AlreadyAdded(BucketAlreadyAdded),
    DoesNotExist(BucketDoesNotExist),
    Extensions(BucketFileExtensionsToIndexInvalid),
    Bytes(BucketIndexContentBytesInvalid),
    Permissions(InsufficientPermissions),
    Notification(NotificationConfigurationError),
    Topic(NotificationTopicNotFound),
    Sns(SnsInvalid),
    Subscription(SubscriptionInvalid),
}

#[derive(Union)]
pub(crate) enum BucketUpdateResult {
    Done(Box<BucketUpdateSuccess>),
    Extensions(BucketFileExtensionsToIndexInvalid),
    Bytes(BucketIndexContentBytesInvalid),
    NotFound(BucketNotFound),
    Permissions(InsufficientPermissions),
    Notification(NotificationConfigurationError),
    Topic(NotificationTopicNotFound),
    Sns(SnsInvalid),
}

#[derive(Union)]
pub(crate) enum BucketRemoveResult {
    Done(BucketRemoveSuccess),
    NotFound(BucketNotFound),
    Indexing(IndexingInProgress),
}

#[derive(Default)]
pub(crate) struct BucketMutation;

#[Object]
impl BucketMutation {
    async fn bucket_add(
        &self,
        context: &Context<'_>,
        input: BucketAddInput,
    ) -> async_graphql::Result<BucketAddResult> {
        require_admin(context)?;
        let core = core(context)?;
        let (name, input) = input.split();
        if core.administration.lock().buckets.contains_key(&name) {
            return Ok(BucketAddResult::AlreadyAdded(BucketAlreadyAdded::default()));
        }
        if !core.buckets.lock().iter().any(|(known, _)| *known == name) {
            return Ok(BucketAddResult::DoesNotExist(BucketDoesNotExist::default()));
        }
        match input.check() {
            Ok(()) => {}
            Err(Wrong::Extensions) => {
                let wrong = BucketFileExtensionsToIndexInvalid::default();
                return Ok(BucketAddResult::Extensions(wrong));
            }
            Err(Wrong::Bytes) => {
                let wrong = BucketIndexContentBytesInvalid::default();
                return Ok(BucketAddResult::Bytes(wrong));
            }
            Err(Wrong::Sns) => return Ok(BucketAddResult::Sns(SnsInvalid::default())),
        }
        let settings = input.settings(BucketSettings::titled(&name));
        let bucket_config = BucketConfig::new(&name, &settings);
        core.administration.lock().buckets.insert(name, settings);
        let done = Box::new(BucketAddSuccess { bucket_config });
        Ok(BucketAddResult::Done(done))
    }

    async fn bucket_update(
        &self,
        context: &Context<'_>,
        name: String,
        input: BucketUpdateInput,
    ) -> async_graphql::Result<BucketUpdateResult> {
        require_admin(context)?;
        let mut administration = core(context)?.administration.lock();
        let Some(settings) = administration.buckets.get_mut(&name) else {
            return Ok(BucketUpdateResult::NotFound(BucketNotFound::default()));
        };
        match input.check() {
            Ok(()) => {}
            Err(Wrong::Extensions) => {
                let wrong = BucketFileExtensionsToIndexInvalid::default();
                return Ok(BucketUpdateResult::Extensions(wrong));
            }
            Err(Wrong::Bytes) => {
                let wrong = BucketIndexContentBytesInvalid::default();
                return Ok(BucketUpdateResult::Bytes(wrong));
            }
            Err(Wrong::Sns) => return Ok(BucketUpdateResult::Sns(SnsInvalid::default())),
        }
        *settings = input.settings(settings.clone());
        let bucket_config = BucketConfig::new(&name, settings);
        let done = Box::new(BucketUpdateSuccess { bucket_config });
        Ok(BucketUpdateResult::Done(done))
    }

    async fn bucket_remove(
        &self,
        context: &Context<'_>,
        name: String,
    ) -> async_graphql::Result<BucketRemoveResult> {
        require_admin(context)?;
        let removed = core(context)?.administration.lock().buckets.remove(&name);
        Ok(match removed {
            Some(_) => BucketRemoveResult::Done(BucketRemoveSuccess::default()),
            None => BucketRemoveResult::NotFound(BucketNotFound::default()),
        })
    }

    async fn bucket_set_tabulator_table(
        &self,
        context: &Context<'_>,
        bucket_name: String,
        table_name: String,
        config: Option<String>,
    ) -> async_graphql::Result<BucketSetTabulatorTableResult> {
        require_admin(context)?;
        Ok(set_table(core(context)?, &bucket_name, table_name, config))
    }

    async fn bucket_rename_tabulator_table(
        &self,
        context: &Context<'_>,
        bucket_name: String,
        table_name: String,
        new_table_name: String,
    ) -> async_graphql::Result<BucketSetTabulatorTableResult> {
        require_admin(context)?;
        let core = core(context)?;
        Ok(rename_table(
            core,
            &bucket_name,
            &table_name,
            new_table_name,
        ))
    }
}
