//! `audit`: which local process got what, when.

use quilt_proto::api::{AuditQuery, ReadAudit};
use quilt_proto::wire::AuditEntry;

use crate::context::Context;
use crate::exit::Failure;
use crate::output::{self, or_dash};

/// How far back.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A time, or how long ago: 90s, 30m, 1h, 7d
    #[arg(long, value_name = "D")]
    since: Option<String>,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let call = ReadAudit(AuditQuery {
        since: args.since.clone(),
    });
    context.print(&call, |entries| show(&entries))
}

fn show(entries: &[AuditEntry]) -> Result<(), Failure> {
    let rows: Vec<[String; 9]> = entries
        .iter()
        .map(|entry| {
            [
                entry.time.to_string(),
                entry.action.clone(),
                entry.outcome.clone(),
                entry.count.to_string(),
                or_dash(entry.profile.as_ref()),
                or_dash(entry.pid),
                or_dash(entry.program.as_ref()),
                or_dash(entry.catalog_url.as_ref()),
                or_dash(entry.request.as_ref()),
            ]
        })
        .collect();
    let headings = [
        "TIME", "ACTION", "OUTCOME", "TIMES", "PROFILE", "PID", "PROGRAM", "CATALOG", "REQUEST",
    ];
    output::table(headings, &rows)
}
