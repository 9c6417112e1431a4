//! `packages delete`: asks first, says what it did.

use quilt_proto::api::{DeletePackage, DeletePackageQuery, Endpoint as _, ReadConfig};
use quilt_proto::{Command, TopHash, python_sdk, quoted};

use super::{PackageArgs, TIMEOUT, registry};
use crate::commands::config;
use crate::context::Context;
use crate::exit::{self, Failure};
use crate::progress::Progress;
use crate::{confirm, look, output};

/// What to delete.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    of: PackageArgs,

    /// Only the version with this hash, or the one whose hash begins like this
    #[arg(long, value_name = "HASH")]
    top_hash: Option<String>,

    /// Do not ask; needed where nobody is at a terminal
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let name = super::name(&args.of)?;
    let versions = Command::of("quiltctl packages versions")
        .operand(&name)
        .option_if("--registry", args.of.registry.as_ref());
    let top_hash = args.top_hash.as_ref().map(|hash| hash.parse::<TopHash>());
    let top_hash = top_hash
        .transpose()
        .map_err(|error| Failure::new(exit::INPUT, error).hint(&versions))?;
    let registry = registry::url(args.of.registry.as_ref())?;
    let package = quoted::name(name.as_str());
    let what = match &top_hash {
        Some(hash) => format!("version {hash} of {package}"),
        None => format!("{package} with all its versions"),
    };
    let mut meant = context.clone();
    let mut asked_of = None;
    let question = || {
        meant = context.pinned()?;
        let place = match &registry {
            Some(registry) => quoted::name(registry).to_string(),
            None => shown(asked_of.insert(configured(context)?).as_deref()),
        };
        Ok(format!("Delete {what} from {place}?"))
    };
    let again = Command::of("quiltctl packages delete")
        .operand(&name)
        .option_if("--registry", args.of.registry.as_ref())
        .option_if("--layout", args.of.layout)
        .option_if("--top-hash", top_hash.as_ref())
        .option_if("--catalog", context.global().catalog.as_ref());
    confirm::agreed(args.yes, question, again.clone(), versions)?;
    if let Some(asked_of) = asked_of
        && asked_of != configured(context)?
    {
        let what = "another registry was configured meanwhile; nothing was deleted";
        return Err(Failure::new(exit::UNEXPECTED, what).hint(again));
    }
    let call = DeletePackage {
        path: name,
        query: DeletePackageQuery {
            registry,
            layout: args.of.layout,
            top_hash,
        },
    };
    let progress = Progress::waiting(DeletePackage::SUMMARY);
    let reply = meant.patient_reply(&call, TIMEOUT)?;
    progress.pause(|| {
        if context.global().json {
            return output::json(reply.body());
        }
        let done = reply.answer()?;
        let version = done
            .top_hash
            .map(|hash| format!(" version {} of", look::name(&hash)))
            .unwrap_or_default();
        output::line(format_args!(
            "deleted{version} {} from {}",
            look::name(done.name.as_str()),
            look::name(&done.registry)
        ))?;
        for object in done.deleted {
            output::line(format_args!("  {}", look::name(&object)))?;
        }
        match done.latest {
            Some(hash) => output::line(format_args!("latest is {} now", look::name(&hash))),
            None => Ok(()),
        }
    })
}

/// The registry that is meant where none is named, as it is configured.
fn configured(context: &Context) -> Result<Option<String>, Failure> {
    let values = context.send(&ReadConfig)?;
    Ok(config::text(&values, python_sdk::DEFAULT_LOCAL_REGISTRY).map(str::to_owned))
}

/// It in words: on this machine, unless it was configured to be elsewhere.
fn shown(configured: Option<&str>) -> String {
    let elsewhere = configured.filter(|named| !named.starts_with("file:"));
    elsewhere.map_or_else(
        || "the local registry".to_owned(),
        |named| quoted::name(named).to_string(),
    )
}
