//! `logout`: forgets sessions.

use quilt_proto::Command;
use quilt_proto::api::{Logout, LogoutQuery, ReadSession, SessionQuery};

use crate::context::Context;
use crate::exit::Failure;
use crate::{look, output};

/// Which sessions.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The sessions of every catalog
    #[arg(long)]
    pub(super) all: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    context.print(&Logout(LogoutQuery { all: args.all }), |()| {
        if args.all {
            output::note("Logged out of every catalog: programs get no more credentials.");
            output::next(&[("quiltctl login --all".into(), "")]);
            return Ok(());
        }
        // It is over, whether or not it can be said of which catalog.
        let ask = || context.send(&ReadSession(SessionQuery::default())).ok();
        let session = look::width_of_stderr().and_then(|_| ask());
        let host = session.map(|session| look::host(&session.catalog_url));
        let (what, again) = match host {
            Some(host) => (
                format!("Logged out of {host}"),
                Command::of("quiltctl login").operand(host),
            ),
            None => ("Logged out".to_owned(), "quiltctl login".into()),
        };
        output::note(format_args!(
            "{what}: programs get no more credentials from it."
        ));
        output::next(&[(again, "")]);
        Ok(())
    })
}
