//! `use`: another catalog as the default one.

use quilt_proto::Command;
use quilt_proto::api::{ReadConfig, ReadGateway};
use quilt_proto::python_sdk;
use quilt_proto::wire::SessionState;

use crate::context::Context;
use crate::exit::Failure;
use crate::look::said;
use crate::{catalog_variable, completion, output};

use super::{aws_profiles_follow, config};

/// Which catalog.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Its name in quiltd.toml, its host or its address
    #[arg(value_name = "CATALOG", add = completion::catalogs())]
    named: String,
}

/// Takes the catalog's configuration over, as `config` does, and says what is
/// true now.
pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let before = context.of_all_catalogs().send(&ReadConfig);
    let before = before.unwrap_or_default();
    let values = config::switch(context, &args.named)?;
    if context.global().json {
        return output::computed(&values);
    }
    let catalog = config::text(&values, python_sdk::NAVIGATOR_URL);
    let catalog = catalog.unwrap_or(&args.named);
    let host = said(catalog);
    output::line(format_args!("{host} is the default catalog now."))?;
    let is_other = |key: &str| before.get(key) != values.get(key);
    let is_switched = is_other(python_sdk::NAVIGATOR_URL);
    if is_switched {
        aws_profiles_follow::tell(&values);
    }
    catalog_variable::tell_of_another_than(context, Some(catalog));
    let session = context.of_catalog(catalog).session();
    if session.is_ok_and(|session| session.status.state != SessionState::Active) {
        output::next(&[(Command::of("quiltctl login").operand(catalog), "")]);
    }
    // A process of quilt3's has read its files once.
    let gateway = context.of_all_catalogs().send(&ReadGateway);
    if is_switched && gateway.is_ok_and(|gateway| gateway.catalog_url.is_some()) {
        output::note("Programs that use quilt3 follow it once they are restarted.");
        let what = "Quilt's MCP server needs other variables, which this prints";
        output::advise(what, &Command::of("quiltctl setup quilt3"));
    }
    Ok(())
}
