//! `logout`: forgets sessions.

use quilt_proto::call::{Logout, LogoutAll};

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
    if args.all {
        context.print(&LogoutAll, |()| {
            output::note("Logged out of every catalog: programs get no more credentials.");
            output::note("Next:  quiltctl login");
            Ok(())
        })
    } else {
        context.print(&Logout, |()| {
            output::note("Logged out: programs get no more credentials of it.");
            output::note("Next:  quiltctl login");
            Ok(())
        })
    }
}
