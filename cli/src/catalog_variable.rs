//! The catalog that `QUILT_CATALOG` names: for this shell alone, and before any
//! that is configured.

use std::env;

use quilt_proto::suggested_command::clause;
use quilt_proto::{CatalogUrl, Command, locations};

use crate::context::Context;
use crate::exit::{self, Failure};
use crate::output;

/// What takes it back.
pub(crate) fn unset() -> Command {
    Command::of("unset QUILT_CATALOG")
}

/// What it names, if it is set and no flag goes before it; where that is no
/// catalog, what is said of it.
pub(crate) fn named(context: &Context) -> Option<Result<CatalogUrl, String>> {
    if context.global().catalog.is_some() {
        return None;
    }
    let named = env::var(locations::CATALOG_ENV).ok();
    let named = named.filter(|named| !named.is_empty())?;
    // A name of quiltd.toml is the daemon's to know.
    Some(
        CatalogUrl::from_typed(&named).or_else(|error| match context.session() {
            Ok(session) => Ok(session.catalog_url),
            Err(failure) if failure.code() == exit::INPUT => Err(failure.what().to_owned()),
            Err(_) => Err(error.to_string()),
        }),
    )
}

/// The failure of a command for which the variable named a catalog that there
/// is none of: then it is the variable that is to be mended.
pub(crate) fn blamed(context: &Context, failure: Failure) -> Failure {
    if failure.code() != exit::INPUT {
        return failure;
    }
    match named(context) {
        Some(Err(why)) if why == failure.what() => {
            Failure::new(failure.code(), no_catalog(&why)).hint(unset())
        }
        _ => failure,
    }
}

/// That it names none.
pub(crate) fn no_catalog(why: &str) -> String {
    format!(
        "{} names no catalog: {}",
        locations::CATALOG_ENV,
        clause(why)
    )
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
