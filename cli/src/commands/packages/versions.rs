//! `packages versions`: latest first, then the newest.

use quilt_proto::Timestamp;
use quilt_proto::api::{Endpoint as _, ReadPackageVersions, RegistryQuery};
use quilt_proto::wire::PackageVersion;

use super::{PackageArgs, TIMEOUT, registry};
use crate::context::Context;
use crate::exit::Failure;
use crate::look::{Column, Look, Paint, Screen, Span, Table, name};
use crate::output;
use crate::progress::Progress;

pub(super) fn run(context: &Context, args: &PackageArgs) -> Result<(), Failure> {
    let name = super::name(args)?;
    let registry = registry::url(args.registry.as_ref())?;
    let call = ReadPackageVersions {
        path: name,
        query: RegistryQuery {
            registry,
            layout: args.layout,
        },
    };
    let progress = Progress::waiting(ReadPackageVersions::SUMMARY);
    let reply = context.patient_reply(&call, TIMEOUT)?;
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
        Column::key("PUSHED AT"),
        Column::of_importance("UNIX TIME", 1),
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
    Screen::listing(
        table,
        "No version of this package is there; packages appear when they are pushed.",
    )
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
