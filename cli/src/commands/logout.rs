//! `logout`: forgets sessions.

use quilt_proto::api::{Logout, LogoutQuery};

use crate::context::Context;
use crate::exit::Failure;
use crate::output;

/// Which sessions.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The sessions of every catalog
    #[arg(long)]
    all: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    context.print(&Logout(LogoutQuery { all: args.all }), |()| {
        output::note(if args.all {
            "Logged out of every catalog: programs get no more credentials."
        } else {
            "Logged out: programs get no more credentials of it."
        });
        output::note("Next:  quiltctl login");
        Ok(())
    })
}
