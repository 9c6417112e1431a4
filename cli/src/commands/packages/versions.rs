//! `packages versions`: latest first, then the newest.

use quilt_proto::api::{ReadPackageVersions, RegistryQuery};

use super::{PATIENCE, registry};
use crate::context::Context;
use crate::exit::Failure;
use crate::output;
use crate::progress::Progress;

/// Of what.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The package, NAMESPACE/NAME
    // A name may begin with a hyphen.
    #[arg(allow_hyphen_values = true)]
    name: String,

    /// The registry, s3://… or a directory, instead of the configured local one
    #[arg(long, value_name = "URL")]
    registry: Option<String>,

    /// The registry's layout, instead of the configured one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=2))]
    layout: Option<u8>,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let name = super::name(&args.name)?;
    let registry = registry::url(args.registry.as_ref())?;
    let call = ReadPackageVersions {
        path: name,
        query: RegistryQuery {
            registry,
            layout: args.layout,
        },
    };
    let progress = Progress::start("");
    let reply = context.patient_reply(&call, PATIENCE)?;
    progress.pause(|| {
        if context.global().json {
            return output::json(reply.body());
        }
        let rows: Vec<[String; 2]> = reply
            .answer()?
            .into_iter()
            .map(|found| [found.version, found.top_hash])
            .collect();
        output::table(["VERSION", "TOP HASH"], &rows)
    })
}
