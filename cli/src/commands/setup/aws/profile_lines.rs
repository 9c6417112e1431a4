//! The lines a profile is made of: what is run, and the region.

use quilt_proto::api::{ReadConfig, ReadProfiles};
use quilt_proto::aws::Region;
use quilt_proto::{CatalogUrl, ProfileName};

use super::Args;
use super::config_file::unwritable;
use crate::aws_files::command_line;
use crate::commands::config;
use crate::commands::profile_named::profile_named;
use crate::commands::setup::unit;
use crate::context::Context;
use crate::exit::{self, Failure};
use crate::{catalog_variable, program_path};

/// The catalog that is meant. What is written into the file is its URL: a name
/// may mean another one later.
pub(super) fn parse_catalog(context: &Context, catalog: &str) -> Result<CatalogUrl, Failure> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match CatalogUrl::from_typed(catalog) {
        Ok(url) => Ok(url),
        // The names in quiltd.toml are the daemon's to know.
        Err(_) if catalog.chars().all(is_name) => Ok(context.session()?.catalog_url),
        Err(error) if context.global().catalog.is_none() => {
            let what = catalog_variable::no_catalog(&error.to_string());
            Err(Failure::new(exit::INPUT, what).hint(catalog_variable::unset()))
        }
        Err(error) => Err(Failure::new(exit::INPUT, error).hint("quiltctl setup aws --help")),
    }
}

/// The lines the profile is made of.
pub(super) fn lines(context: &Context, args: &Args) -> Result<Vec<(String, String)>, Failure> {
    let mut words = vec!["credential-process".to_owned()];
    if let Some(profile) = args
        .profile
        .as_ref()
        .filter(|profile| !profile.is_default())
    {
        words.extend(["--profile".to_owned(), profile.to_string()]);
    }
    // Named by a variable or a flag alike: whoever runs the profile later has
    // neither.
    let catalog = context
        .catalog()?
        .map(|catalog| parse_catalog(context, &catalog))
        .transpose()?;
    if let Some(catalog) = &catalog {
        words.extend(["--catalog".to_owned(), catalog.to_string()]);
    }
    if let Some(socket) = unit::chosen_socket(context)? {
        words.extend(["--socket".to_owned(), socket]);
    }
    let line =
        command_line::write(&program_path::for_profiles()?, &words).ok_or_else(unwritable)?;
    let mut lines = vec![("credential_process".to_owned(), line)];
    if let Some(region) = region(context, args, catalog.as_ref())? {
        lines.push(("region".to_owned(), region));
    }
    Ok(lines)
}

/// The region of the profile, else of the catalog, where known.
fn region(
    context: &Context,
    args: &Args,
    catalog: Option<&CatalogUrl>,
) -> Result<Option<String>, Failure> {
    let plain = |text: &String| text.parse::<Region>().is_ok();
    if let Some(wanted) = args.profile.as_ref().filter(|name| !name.is_default()) {
        // One nobody knows would fail in whatever program uses it, later and
        // with less to say.
        let profiles = context.send(&ReadProfiles)?;
        let profile = profile_named(context, profiles, wanted)?;
        return Ok(profile.region.filter(plain));
    }
    let configured = context.send(&ReadConfig)?;
    // The configured region is that of the configured catalog.
    let known = catalog.is_none() || catalog == config::catalog(&configured).as_ref();
    if let Some(region) = config::text(&configured, "region").filter(|_| known) {
        return Ok(Some(region.to_owned()).filter(plain));
    }
    // Another catalog says itself where it is.
    let own = context.profile(&ProfileName::default_profile());
    let own = own.ok().flatten();
    Ok(own.and_then(|profile| profile.region).filter(plain))
}
