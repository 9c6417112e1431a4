//! A catalog for this shell alone.

use quilt_proto::locations;
use quilt_proto::wire::{Finding, FindingCode};

use super::daemon::Daemon;
use crate::catalog_variable::{named, no_catalog, unset};
use crate::context::Context;

/// Programs that do not inherit `QUILT_CATALOG` use the configured one.
pub(super) fn check(context: &Context, daemon: &Daemon) -> Option<Finding> {
    const NAME: &str = locations::CATALOG_ENV;
    let named = match named(context)? {
        Ok(named) => named,
        Err(why) => {
            let what = no_catalog(&why);
            return Some(Finding::error(FindingCode::CatalogInvalid, what, unset()));
        }
    };
    let configured = daemon.configured_catalog()?;
    if named == configured {
        return None;
    }
    let without = format!("while programs without it use {configured}");
    Some(if daemon.sessions.contains(&named) {
        let what = format!("{NAME} names {named} here, {without}");
        Finding::warning(FindingCode::CatalogDiffers, what, unset())
    } else {
        let what = format!("{NAME} names {named} here, where nobody ever logged in, {without}");
        Finding::error(FindingCode::CatalogDiffers, what, unset())
    })
}
