//! `role`: the active role, which decides what the credentials may do.

use quilt_proto::api::{ReadMe, SwitchRole};
use quilt_proto::wire::RoleChoice;

use crate::context::Context;
use crate::exit::Failure;
use crate::output::{self, or_dash};

/// What to do about roles.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List your roles, the active one marked
    List,
    /// Make another role active, everywhere you are logged in
    Switch {
        /// The role
        name: String,
    },
}

pub(super) fn run(context: &Context, command: &Command) -> Result<(), Failure> {
    match command {
        Command::List => context.print(&ReadMe, |me| {
            for role in &me.roles {
                let mark = if me.role.as_ref() == Some(role) {
                    '*'
                } else {
                    ' '
                };
                output::line(format_args!("{mark} {role}"))?;
            }
            Ok(())
        }),
        Command::Switch { name } => {
            let role = name.clone();
            context.print(&SwitchRole(RoleChoice { role }), |me| {
                output::line(or_dash(me.role))
            })
        }
    }
}
