//! `setup`: wires other programs up; every part can be undone.

pub(super) mod aws;
pub(super) mod completions;
pub(super) mod launchd;
mod packaged_units;
mod quilt3;
pub(super) mod service;
pub(super) mod systemd;
mod unit;

use crate::context::Context;
use crate::exit::Failure;

/// What to wire up.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// A profile in ~/.aws/config that gets its credentials from here
    Aws(aws::Args),
    /// The Python SDK: quilt3 uses the session held here, always fresh
    Quilt3(quilt3::Args),
    /// Shells that complete what is typed after quiltctl
    Completions(completions::Args),
    /// User units that start the daemon at login, and again on demand
    Systemd(systemd::SystemdArgs),
    /// A launch agent that starts the daemon at login, and again on demand
    Launchd(unit::Args),
}

pub(super) fn run(context: &Context, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Aws(args) => aws::run(context, args),
        Command::Quilt3(args) => quilt3::run(context, *args),
        Command::Completions(args) => completions::run(context, args),
        Command::Systemd(args) => systemd::run(context, *args),
        Command::Launchd(args) => launchd::run(context, *args),
    }
}

#[cfg(any(test, fuzzing))]
pub(super) use self::aws::fuzz_aws_config;
