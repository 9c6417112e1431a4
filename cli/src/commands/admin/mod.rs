//! `admin`: what only admins may do.

mod api_keys;
mod audit_trail;
mod report;
mod unused;

use crate::context::Context;
use crate::exit::Failure;

/// What to administer.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Manage everybody's API keys
    #[command(subcommand)]
    ApiKeys(api_keys::Command),
    /// Show what API keys were used for, from the audit trail in Athena
    AuditTrail(audit_trail::Args),
}

pub(super) fn run(context: &Context, command: &Command) -> Result<(), Failure> {
    match command {
        Command::ApiKeys(command) => api_keys::run(context, command),
        Command::AuditTrail(args) => audit_trail::run(context, args),
    }
}
