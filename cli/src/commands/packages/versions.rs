//! `packages versions`: latest first, then the newest.

use quilt_proto::Timestamp;
use quilt_proto::api::{Endpoint as _, ReadPackageVersions, RegistryQuery};
use quilt_proto::wire::PackageVersion;

use super::{PATIENCE, registry};
use crate::context::Context;
use crate::exit::Failure;
use crate::look::{Column, Look, Paint, Screen, Span, Table, name};
use crate::output;
use crate::progress::Progress;

/// Of what.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
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
    let progress = Progress::waiting(ReadPackageVersions::SUMMARY);
    let reply = context.patient_reply(&call, PATIENCE)?;
    progress.pause(|| {
        if context.global().json {
            return output::json(reply.body());
        }
        let look = context.look();
        screen(&look, &reply.answer()?).print(&look)
    })
}

fn screen(look: &Look, versions: &[PackageVersion]) -> Screen {
    let mut table = Table::new([
        Column::key("VERSION"),
        Column::of_importance("TIME", 2),
        Column::of_importance("SECONDS", 1),
        Column::key("TOP HASH"),
    ]);
    for found in versions {
        let seconds: Option<i64> = found.version.parse().ok();
        // The registry's own name of a version is when it was pushed, in seconds.
        let [version, time, seconds] = match seconds.map(Timestamp::from_unix) {
            Some(time) => [
                look.day(time).into(),
                look.clock(time).into(),
                Span::painted(name(&found.version), Paint::Quiet),
            ],
            None => [
                name(&found.version).into(),
                Span::default(),
                Span::default(),
            ],
        };
        table.row([version, time, seconds, name(&found.top_hash).into()]);
    }
    let mut screen = Screen::new();
    if versions.is_empty() {
        screen.say("No version of this package is there; packages appear when they are pushed.");
    }
    screen.table(table);
    screen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::tests::widths;

    #[test]
    fn the_screen_at_every_width() {
        let versions = ["latest", "1799990000", "1700000000", "odd \u{202e}one"].map(|version| {
            PackageVersion {
                version: version.to_owned(),
                top_hash: "0123456789abcdef".repeat(4),
            }
        });
        insta::assert_snapshot!(widths(|look| screen(look, &versions)));
    }
}
