//! A catalog for this shell alone.

use quilt_proto::locations;
use quilt_proto::wire::{Finding, FindingCode};

use super::daemon::Daemon;
use crate::catalog_variable::{named, unset};
use crate::context::Context;

/// Programs that do not inherit `QUILT_CATALOG` use the configured one.
pub(super) fn check(context: &Context, daemon: &Daemon) -> Option<Finding> {
    const NAME: &str = locations::CATALOG_ENV;
    let Ok(named) = named(context)? else {
        let what = format!("{NAME} is not the URL of a catalog");
        return Some(Finding::error(FindingCode::CatalogInvalid, what, unset()));
    };
    let configured = daemon.configured_catalog()?;
    (named != configured).then(|| {
        let what = format!("{NAME} names {named} here, while programs without it use {configured}");
        Finding::warning(FindingCode::CatalogDiffers, what, unset())
    })
}
