//! A catalog for this shell alone.

use std::env;

use quilt_proto::api::{ReadSession, SessionQuery};
use quilt_proto::wire::{Finding, FindingCode};
use quilt_proto::{CatalogUrl, locations};

use super::daemon::Daemon;
use super::remedy;
use crate::context::Context;

/// Programs that do not inherit `QUILT_CATALOG` use the configured one.
pub(super) fn check(context: &Context, daemon: &Daemon) -> Option<Finding> {
    const NAME: &str = locations::CATALOG_ENV;
    if context.global().catalog.is_some() {
        return None;
    }
    let named = env::var(NAME).ok().filter(|named| !named.is_empty())?;
    // A name of quiltd.toml is the daemon's to know.
    let typed = CatalogUrl::from_typed(&named);
    let known = typed.or_else(|error| {
        let session = context
            .client()
            .map(|client| client.send(&ReadSession(SessionQuery::default())));
        session
            .ok()
            .and_then(Result::ok)
            .map(|session| session.catalog_url)
            .ok_or(error)
    });
    let Ok(named) = known else {
        let what = format!("{NAME} is not the URL of a catalog");
        return Some(Finding::error(
            FindingCode::CatalogInvalid,
            what,
            remedy::unset(&[NAME]),
        ));
    };
    let configured = daemon.configured_catalog()?;
    (named != configured).then(|| {
        let what = format!("{NAME} names {named} here, while programs without it use {configured}");
        Finding::warning(FindingCode::CatalogDiffers, what, remedy::unset(&[NAME]))
    })
}
