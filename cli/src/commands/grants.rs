//! `grants`: rights to use something over loopback.

use quilt_proto::api::RevokeGrant;

use crate::context::Context;
use crate::exit::Failure;
use crate::output;

/// What to do with grants; `status` lists them.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Take a grant back: whoever holds it gets nothing more
    Revoke {
        /// Its name, as `quiltctl status` shows it
        id: String,
    },
}

pub(super) fn run(context: &Context, command: &Command) -> Result<(), Failure> {
    let Command::Revoke { id } = command;
    context.print(&RevokeGrant(id.clone()), |()| {
        output::line("the grant is revoked")
    })
}
