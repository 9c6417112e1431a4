//! `logout`: forgets sessions.

use quilt_proto::Command;
use quilt_proto::api::{Logout, LogoutQuery, ReadSession, ReadStatus, SessionQuery};
use quilt_proto::wire::{SessionState, SessionStatus};

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
    // Afterwards nobody can tell.
    let was_out = !context.global().json && is_nobody_there(context, args.all);
    context.print(&Logout(LogoutQuery { all: args.all }), |()| {
        if args.all && was_out {
            output::note("Nobody was logged in to any catalog.");
            return Ok(());
        }
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
        output::note(if was_out {
            "Nobody was logged in.".to_owned()
        } else {
            format!("{what}: programs get no more credentials from it.")
        });
        output::next(&[(again, "")]);
        Ok(())
    })
}

/// Whether there is nothing to log out of. What is over can be forgotten all
/// the same.
fn is_nobody_there(context: &Context, all: bool) -> bool {
    let is_out = |session: &SessionStatus| session.state == SessionState::LoggedOut;
    if all {
        let status = context.of_all_catalogs().send(&ReadStatus);
        status.is_ok_and(|status| status.catalogs.iter().all(|of| is_out(&of.session)))
    } else {
        let session = context.send(&ReadSession(SessionQuery::default()));
        session.is_ok_and(|session| is_out(&session.status))
    }
}
