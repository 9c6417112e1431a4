//! `packages list`: names, as they are found.

use quilt_client::blocking::PackageNames;
use quilt_proto::call::ListPackages;

use super::{PATIENCE, registry};
use crate::context::Context;
use crate::exit::Failure;
use crate::progress::Progress;
use crate::{look, output};

/// Where to look.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The registry, s3://… or a directory, instead of the configured local one
    #[arg(add = crate::completion::registries())]
    registry: Option<String>,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let registry = registry::url(args.registry.as_ref())?;
    let call = ListPackages { registry };
    let client = context.client()?.with_timeout(PATIENCE);
    let progress = Progress::start("packages");
    let names = context.started(&client, None, true, |client| client.packages(&call))?;
    if context.global().json {
        array(names, &progress)
    } else {
        lines(names, &progress)
    }
}

fn lines(mut names: PackageNames, progress: &Progress) -> Result<(), Failure> {
    let mut text = String::new();
    let mut is_empty = true;
    while let Some(name) = names.next() {
        is_empty = false;
        text.push_str(look::name(&name?).as_str());
        text.push('\n');
        progress.count(1);
        if !names.is_ready() {
            progress.pause(|| output::bytes(text.as_bytes()))?;
            text.clear();
        }
    }
    if is_empty {
        output::note("There are no packages; they appear when they are pushed.");
    }
    Ok(())
}

/// One JSON document, also when the listing fails: then it has what was found
/// until then, and the exit code tells.
fn array(mut names: PackageNames, progress: &Progress) -> Result<(), Failure> {
    let mut text = "[".to_owned();
    let mut separator = "";
    let mut outcome = Ok(());
    let mut empty = true;
    while let Some(name) = names.next() {
        match name {
            Ok(name) => {
                text.push_str(separator);
                let name = serde_json::Value::String(name).to_string();
                text.push_str(&output::shown_json(&name));
                (separator, empty) = (",", false);
                progress.count(1);
            }
            Err(error) => outcome = Err(Failure::from(error)),
        }
        if !names.is_ready() {
            progress.pause(|| output::bytes(text.as_bytes()))?;
            text.clear();
        }
    }
    if empty && outcome.is_err() {
        return outcome;
    }
    text.push_str("]\n");
    output::bytes(text.as_bytes())?;
    outcome
}
