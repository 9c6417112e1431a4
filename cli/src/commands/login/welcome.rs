//! What is said after a login.

use std::iter;

use quilt_proto::api::{ReadGateway, ReadStatus};
use quilt_proto::wire::Session;
use quilt_proto::{CatalogUrl, Command};

use crate::aws_files::USUAL_PROFILE;
use crate::commands::setup::aws;
use crate::context::Context;
use crate::exit::Failure;
use crate::look::{self, host};
use crate::output;

/// Says who is logged in now, and who was before. Where nobody reads it on a
/// screen, the catalog alone on stdout, for scripts.
pub(super) fn welcome(context: &Context, body: &[u8], session: &Session) -> Result<(), Failure> {
    if context.global().json {
        return output::json(body);
    }
    for line in session.welcome() {
        output::note(line);
    }
    // For a person; a script reads the catalog.
    if look::is_seen() && session.me.is_some() {
        say_what_next(context, &session.catalog_url);
        return Ok(());
    }
    output::line(&session.catalog_url)
}

/// What one does after a login: of the default catalog, or of another one.
fn say_what_next(context: &Context, catalog: &CatalogUrl) {
    let status = context.of_all_catalogs().send(&ReadStatus).ok();
    let default = status.as_ref().and_then(|it| it.default_catalog.as_ref());
    if default.is_none_or(|default| default == catalog) {
        let name =
            Some(aws::free_name(USUAL_PROFILE, catalog, true)).filter(|name| name != USUAL_PROFILE);
        let wire = Command::of("quiltctl setup aws").option_if("--name", name);
        let mut next = vec![(wire, "for every AWS program")];
        // What was set up before may keep more back than a new setup would.
        let gateway = context.of_all_catalogs().send(&ReadGateway);
        if !gateway.is_ok_and(|gateway| gateway.catalog_url.is_some()) {
            next.push(("quiltctl setup quilt3".into(), "for Python"));
        }
        output::next(&next);
        return;
    }
    let known = || status.iter().flat_map(|status| &status.catalogs);
    let alias = known()
        .filter(|known| known.catalog_url == *catalog)
        .find_map(|known| known.alias.as_deref());
    // A name that quiltd.toml gives to another catalog would mean two.
    let is_free = |name: &str| known().all(|known| known.alias.as_deref() != Some(name));
    let (profile, typed) = match alias {
        Some(alias) => (alias.to_owned(), alias.to_owned()),
        None => (first_free(&short_name(catalog), is_free), host(catalog)),
    };
    let profile = aws::free_name(&profile, catalog, false);
    let wire = Command::of("quiltctl setup aws")
        .option("--name", profile)
        .option("--catalog", &typed);
    let switch = Command::of("quiltctl use").operand(typed);
    output::next(&[
        (wire, "for every AWS program"),
        (switch, "makes it the default one"),
    ]);
}

/// This name, or with a number behind it.
fn first_free(name: &str, is_free: impl Fn(&str) -> bool) -> String {
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let mut names = iter::once(name.to_owned()).chain(numbered);
    names.find(|name| is_free(name)).unwrap_or_default()
}

/// What somebody may call a catalog: the first part of its host.
fn short_name(catalog: &CatalogUrl) -> String {
    let host = catalog.without_scheme();
    let label = host.split(['.', ':', '/']).next().unwrap_or_default();
    if label.starts_with(|c: char| c.is_ascii_alphabetic()) {
        label.to_owned()
    } else {
        "other".to_owned()
    }
}
