//! Tables over what lies in buckets, as admins set them.

use async_graphql::{SimpleObject, Union};

use super::buckets::BucketConfig;
use super::outcome::{InvalidInput, OperationError};
use crate::fake_stack::state::Core;

/// A table over what lies in a bucket.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct TabulatorTable {
    pub(super) name: String,
    pub(super) config: String,
}

#[derive(Union)]
pub(crate) enum BucketSetTabulatorTableResult {
    Bucket(Box<BucketConfig>),
    InvalidInput(InvalidInput),
    OperationError(OperationError),
}

/// Sets a table's configuration, or removes the table.
pub(super) fn set_table(
    core: &Core,
    bucket: &str,
    table: String,
    config: Option<String>,
) -> BucketSetTabulatorTableResult {
    let refused = |path, name, message: &str| {
        BucketSetTabulatorTableResult::InvalidInput(InvalidInput::new(path, name, message))
    };
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let mut administration = core.administration.lock();
    let Some(settings) = administration.buckets.get_mut(bucket) else {
        return refused("bucketName", "BucketNotFound", "There is no such bucket");
    };
    if table.is_empty() || !table.chars().all(legal) {
        return refused("tableName", "ValidationError", "Not a name for a table");
    }
    match config {
        Some(config) if !config.contains("schema") => {
            return refused("config", "ValidationError", "It has no schema");
        }
        Some(config) => drop(settings.tables.insert(table, config)),
        None => drop(settings.tables.remove(&table)),
    }
    let bucket = BucketConfig::new(bucket, settings);
    BucketSetTabulatorTableResult::Bucket(Box::new(bucket))
}

pub(super) fn rename_table(
    core: &Core,
    bucket: &str,
    from: &str,
    to: String,
) -> BucketSetTabulatorTableResult {
    let refused = |path, name, message: &str| {
        BucketSetTabulatorTableResult::InvalidInput(InvalidInput::new(path, name, message))
    };
    let mut administration = core.administration.lock();
    let Some(settings) = administration.buckets.get_mut(bucket) else {
        return refused("bucketName", "BucketNotFound", "There is no such bucket");
    };
    if settings.tables.contains_key(&to) {
        return refused("newTableName", "Conflict", "There is a table of that name");
    }
    let Some(config) = settings.tables.remove(from) else {
        return refused("tableName", "NotFound", "There is no such table");
    };
    settings.tables.insert(to, config);
    let bucket = BucketConfig::new(bucket, settings);
    BucketSetTabulatorTableResult::Bucket(Box::new(bucket))
}
