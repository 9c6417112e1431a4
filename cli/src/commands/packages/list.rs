//! `packages list`: names, as they are found.

use quilt_client::blocking::PackageNames;
use quilt_proto::api::{ListPackages, RegistryQuery};
use quilt_proto::{Command, quoted};

use super::{TIMEOUT, registry};
use crate::context::Context;
use crate::exit::Failure;
use crate::look::Screen;
use crate::progress::Progress;
use crate::{look, output};

/// Where to look.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The registry, s3://… or a directory, instead of the configured local one
    #[arg(add = crate::completion::registries())]
    registry: Option<String>,

    /// The registry's layout, instead of the configured one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=2))]
    layout: Option<u8>,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let registry = registry::url(args.registry.as_ref())?;
    let call = ListPackages(RegistryQuery {
        registry,
        layout: args.layout,
    });
    let client = context.client()?.with_timeout(TIMEOUT);
    let progress = Progress::counting("packages");
    let names = context.started(&client, |client| client.packages(&call))?;
    let found = if context.global().json {
        array(names, &progress)
    } else {
        lines(names, &progress)
    };
    let is_empty = found? == 0;
    drop(progress);
    if !is_empty {
        return Ok(());
    }
    match why_none(context, args, &call) {
        Some((why, meant)) => output::advise(&why, &meant),
        None if context.global().json => {}
        None => none(args).print(&context.look())?,
    }
    Ok(())
}

/// That there is none, for somebody who waits for names.
fn none(args: &Args) -> Screen {
    match &args.registry {
        Some(registry) => {
            let none = format!("No packages in {}.", quoted::name(registry));
            Screen::nothing(&none, None)
        }
        None => Screen::nothing(
            "No packages are installed here; others are in buckets",
            Some("quiltctl buckets".into()),
        ),
    }
}

/// What may have been meant by a listing that is empty.
fn why_none(context: &Context, args: &Args, call: &ListPackages) -> Option<(String, Command)> {
    let typed = args.registry.as_deref();
    if let Some(bucket) = typed.filter(|typed| registry::may_be_bucket(typed)) {
        let meant = Command::of("quiltctl packages list").operand(format_args!("s3://{bucket}"));
        let bucket = quoted::name(bucket);
        return Some((format!("There is no directory {bucket} here"), meant));
    }
    if args.layout.is_some() {
        return None;
    }
    let client = context.client().ok()?.with_timeout(TIMEOUT);
    let holds = |layout: &u8| {
        let call = ListPackages(RegistryQuery {
            layout: Some(*layout),
            ..call.0.clone()
        });
        let first = client
            .packages(&call)
            .ok()
            .and_then(|mut names| names.next());
        first.is_some_and(|name| name.is_ok())
    };
    let layout = [1, 2].into_iter().find(holds)?;
    let meant = Command::of("quiltctl packages list");
    let meant = match typed {
        Some(typed) => meant.operand(typed),
        None => meant,
    };
    let meant = meant.option("--layout", layout);
    let why = format!("There are packages in layout {layout}, which is not the configured one");
    Some((why, meant))
}

fn lines(mut names: PackageNames, progress: &Progress) -> Result<usize, Failure> {
    let mut text = String::new();
    let mut count = 0;
    while let Some(name) = names.next() {
        text.push_str(look::name(&name?).as_str());
        text.push('\n');
        count += 1;
        progress.count(1);
        if !names.is_ready() {
            progress.pause(|| output::bytes(text.as_bytes()))?;
            text.clear();
        }
    }
    Ok(count)
}

/// One JSON document, also when the listing fails: then it has what was found
/// until then, and the exit code tells.
fn array(mut names: PackageNames, progress: &Progress) -> Result<usize, Failure> {
    let mut text = "[".to_owned();
    let mut separator = "";
    let mut outcome = Ok(());
    let mut count = 0;
    while let Some(name) = names.next() {
        match name {
            Ok(name) => {
                text.push_str(separator);
                let name = serde_json::Value::String(name).to_string();
                text.push_str(&output::shown_json(&name));
                separator = ",";
                count += 1;
                progress.count(1);
            }
            Err(error) => outcome = Err(Failure::from(error)),
        }
        if !names.is_ready() {
            progress.pause(|| output::bytes(text.as_bytes()))?;
            text.clear();
        }
    }
    if count == 0 {
        outcome?;
        outcome = Ok(());
    }
    text.push_str("]\n");
    output::bytes(text.as_bytes())?;
    outcome.map(|()| count)
}
