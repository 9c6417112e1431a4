//! `packages`: what a registry holds.

mod delete;
mod list;
mod registry;
mod versions;

use std::time::Duration;

use quilt_proto::PackageName;

use crate::context::Context;
use crate::exit::{self, Failure};

/// How long the daemon may take over what grows with a registry.
const TIMEOUT: Duration = Duration::from_mins(15);

/// What to do with packages.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the packages of a registry
    List(list::Args),
    /// List the versions of a package, latest first
    Versions(PackageArgs),
    /// Delete a package or one version of it, never the data
    Delete(delete::Args),
}

/// Which package.
#[derive(Debug, clap::Args)]
pub(crate) struct PackageArgs {
    /// The package, NAMESPACE/NAME
    // A name may begin with a hyphen.
    #[arg(allow_hyphen_values = true, add = crate::completion::packages())]
    name: String,

    /// The registry, s3://… or a directory, instead of the configured local one
    #[arg(long, value_name = "URL", add = crate::completion::registries())]
    registry: Option<String>,

    /// The registry's layout, instead of the configured one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=2))]
    layout: Option<u8>,
}

pub(super) fn run(context: &Context, command: &Command) -> Result<(), Failure> {
    match command {
        Command::List(args) => list::run(context, args),
        Command::Versions(args) => versions::run(context, args),
        Command::Delete(args) => delete::run(context, args),
    }
}

/// A package's name, checked before anything is asked.
fn name(of: &PackageArgs) -> Result<PackageName, Failure> {
    of.name.parse().map_err(|error| {
        let list = quilt_proto::Command::of("quiltctl packages list");
        let list = match &of.registry {
            Some(registry) => list.operand(registry),
            None => list,
        };
        Failure::new(exit::INPUT, error).hint(list)
    })
}
