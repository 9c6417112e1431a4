//! A profile of ours that leads somewhere else than it would from now on:
//! programs that use it would be somebody else of a sudden.

use std::path::Path;

use quilt_proto::api::ReadStatus;
use quilt_proto::{CatalogUrl, Command, quoted};

use super::config_file;
use crate::aws_files::{self, CONFIG_ENV, CREDENTIALS_ENV, Call, ini};
use crate::context::Context;
use crate::exit::{self, Failure};
use crate::look::{self, host};
use crate::{confirm, secret_prompt};

/// Fails where a profile gives the credentials of another catalog or of another
/// recipe, unless the user agrees.
pub(super) fn leads_elsewhere(
    context: &Context,
    path: &Path,
    name: &str,
    wanted: &[(String, String)],
    agreed: bool,
) -> Result<(), Failure> {
    if agreed {
        return Ok(());
    }
    let bytes = config_file::read(path)?.unwrap_or_default();
    let (Some(so_far), Some(from_now_on)) = (
        Call::of_profile(&bytes, name),
        wanted.first().and_then(|(_, line)| Call::parse(line)),
    ) else {
        return Ok(());
    };
    let Some((so_far, from_now_on)) = difference(context, &so_far, &from_now_on) else {
        return Ok(());
    };
    let what = format!(
        "profile {} in {} gives the credentials of {so_far}",
        quoted::name(name),
        look::file(path)
    );
    let free = free_name(name, |taken| is_taken(taken, None));
    let beside = Command::of("quiltctl setup aws").option("--name", free);
    if !secret_prompt::is_somebody_there() {
        let what = format!("{what}: nothing was changed; --yes has it give those of {from_now_on}");
        return Err(Failure::new(exit::INPUT, what).hint(beside));
    }
    let question = || Ok(format!("{what}. Those of {from_now_on} instead?"));
    let again = Command::of("quiltctl setup aws").option("--name", name);
    confirm::agreed(false, question, again, beside)
}

/// What a profile gives so far, and what it would, where that is not the same.
/// What cannot be told apart is left to the user.
fn difference(context: &Context, so_far: &Call, from_now_on: &Call) -> Option<(String, String)> {
    if so_far.recipe != from_now_on.recipe {
        return Some((said(so_far), said(from_now_on)));
    }
    if so_far.catalog == from_now_on.catalog {
        return None;
    }
    let catalogs = (meant(context, so_far)?, meant(context, from_now_on)?);
    (catalogs.0 != catalogs.1).then(|| (host(&catalogs.0), host(&catalogs.1)))
}

fn said(call: &Call) -> String {
    let recipe = call.recipe.as_ref();
    let catalog = call.catalog.as_deref().map(look::said);
    match (recipe, catalog) {
        (Some(recipe), _) => format!("'{recipe}' of quiltd.toml"),
        (None, Some(catalog)) => catalog,
        (None, None) => "the default catalog".to_owned(),
    }
}

/// The catalog that a call is about, where nobody's shell says otherwise.
fn meant(context: &Context, call: &Call) -> Option<CatalogUrl> {
    let all = context.of_all_catalogs();
    if let Some(catalog) = &call.catalog {
        return CatalogUrl::from_typed(catalog).ok().or_else(|| {
            let session = context.of_catalog(catalog).session().ok()?;
            Some(session.catalog_url)
        });
    }
    let own = |recipe| all.profile(recipe).ok()??.catalog_url;
    let own = call.recipe.as_ref().and_then(own);
    own.or_else(|| all.send(&ReadStatus).ok()?.default_catalog)
}

/// The name, or one like it that is free.
pub(super) fn free_name(wanted: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let numbered = (2..100).map(|number| format!("{wanted}-{number}"));
    let mut names = [wanted.to_owned()].into_iter().chain(numbered);
    let free = names.find(|name| !is_taken(name));
    free.unwrap_or_else(|| wanted.to_owned())
}

/// What a profile is for: a catalog's own credentials.
#[derive(Clone, Copy, Debug)]
pub(super) struct Purpose<'a> {
    pub(super) catalog: &'a CatalogUrl,
    /// Whether it is the catalog of whoever names none.
    pub(super) is_default: bool,
}

/// Whether AWS programs know the name already, for something else.
pub(super) fn is_taken(name: &str, purpose: Option<Purpose<'_>>) -> bool {
    let bytes = |variable| {
        let path = aws_files::place(variable)?;
        aws_files::read(&path).ok().flatten()
    };
    let config = bytes(CONFIG_ENV).unwrap_or_default();
    let credentials = bytes(CREDENTIALS_ENV).unwrap_or_default();
    is_taken_in(&config, &credentials, name, purpose)
}

fn is_taken_in(
    config: &[u8],
    credentials: &[u8],
    name: &str,
    purpose: Option<Purpose<'_>>,
) -> bool {
    let is_in = |file: &[u8], is_config| !ini::profile_lines(file, name, is_config).is_empty();
    if is_in(credentials, false) {
        return true;
    }
    let call = Call::of_profile(config, name);
    let same = purpose.zip(call).is_some_and(|(purpose, call)| {
        call.recipe.is_none()
            && match call.catalog {
                Some(named) => CatalogUrl::from_typed(&named).as_ref() == Ok(purpose.catalog),
                None => purpose.is_default,
            }
    });
    is_in(config, true) && !same
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws_files::command_line;

    fn process(words: &[&str]) -> String {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        command_line::write(Path::new("/usr/bin/quiltctl"), &words).unwrap()
    }

    fn purpose(catalog: &CatalogUrl) -> Purpose<'_> {
        Purpose {
            catalog,
            is_default: false,
        }
    }

    #[test]
    fn a_name_is_taken_by_all_but_the_same_catalog() {
        let lab: CatalogUrl = "https://lab.quilt.example".parse().unwrap();
        let other: CatalogUrl = "https://other.quilt.example".parse().unwrap();
        let line = process(&["credential-process", "--catalog", lab.as_str()]);
        let config =
            format!("[profile lab]\ncredential_process = {line}\n\n[profile lab-2]\nregion = x\n");
        let credentials = "[lab-3]\naws_access_key_id = A\n";
        let free = |catalog: &CatalogUrl| {
            free_name("lab", |name| {
                is_taken_in(
                    config.as_bytes(),
                    credentials.as_bytes(),
                    name,
                    Some(purpose(catalog)),
                )
            })
        };
        assert_eq!(free(&lab), "lab");
        assert_eq!(free(&other), "lab-4");
        assert_eq!(free_name("lab", |_| false), "lab");
    }

    #[test]
    fn a_recipe_is_something_else_than_a_catalog() {
        let lake = process(&["credential-process", "--profile", "lake"]);
        let config = format!("[profile lake]\ncredential_process = {lake}\n");
        let lab: CatalogUrl = "https://lab.quilt.example".parse().unwrap();
        let taken = |name| is_taken_in(config.as_bytes(), b"", name, Some(purpose(&lab)));
        assert!(taken("lake") && !taken("lab"));
        let quilt = process(&["credential-process"]);
        let config = format!("[profile quilt]\ncredential_process = {quilt}\n");
        for is_default in [true, false] {
            let purpose = Purpose {
                catalog: &lab,
                is_default,
            };
            let taken = is_taken_in(config.as_bytes(), b"", "quilt", Some(purpose));
            assert_eq!(taken, !is_default);
        }
    }
}
