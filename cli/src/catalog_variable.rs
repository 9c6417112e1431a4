//! The catalog that `QUILT_CATALOG` names: for this shell alone, and before any
//! that is configured.

use std::env;

use quilt_proto::api::{ReadSession, SessionQuery};
use quilt_proto::{CatalogUrl, Command, UrlError, locations};

use crate::context::Context;
use crate::output;

/// What takes it back.
pub(crate) fn unset() -> Command {
    Command::of("unset QUILT_CATALOG")
}

/// What it names, if it is set and no flag goes before it.
pub(crate) fn named(context: &Context) -> Option<Result<CatalogUrl, UrlError>> {
    if context.global().catalog.is_some() {
        return None;
    }
    let named = env::var(locations::CATALOG_ENV).ok();
    let named = named.filter(|named| !named.is_empty())?;
    // A name of quiltd.toml is the daemon's to know.
    Some(CatalogUrl::from_typed(&named).or_else(|error| {
        let session = context.send(&ReadSession(SessionQuery::default())).ok();
        session.map(|session| session.catalog_url).ok_or(error)
    }))
}

/// Says so where this shell does not follow the catalog that is configured.
pub(crate) fn tell_of_another_than(context: &Context, configured: Option<&str>) {
    let Some(Ok(named)) = named(context) else {
        return;
    };
    if configured != Some(named.as_str()) {
        let what = format!(
            "{} names {named}, and this shell follows that",
            locations::CATALOG_ENV
        );
        output::advise(&what, &unset());
    }
}
