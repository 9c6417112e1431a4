//! `man`: manual pages, in the format `man -l -` reads.

use std::path::PathBuf;

use clap::CommandFactory;

use crate::args::Cli;
use crate::context::Context;
use crate::exit::{self, Failure};
use crate::help::man;
use crate::output;

/// Which page.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A command, such as `login` or `role switch`; none is the overview
    command: Vec<String>,

    /// Write the pages of all commands into this directory
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    all: Option<PathBuf>,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    context.refuse_json("man")?;
    let mut all = without_help(Cli::command());
    // Gives nested commands their full names.
    all.build();
    if let Some(dir) = &args.all {
        return clap_mangen::generate_to(all, dir)
            .map_err(|error| Failure::new(exit::INPUT, error).hint("quiltctl man --help"));
    }
    let mut command = &all;
    for name in &args.command {
        command = command.find_subcommand(name).ok_or_else(|| {
            let names = all.get_subcommands().map(clap::Command::get_name);
            let known: Vec<&str> = names.collect();
            let what = format!("there is no such command; there are {}", known.join(", "));
            Failure::new(exit::USAGE, what).hint("quiltctl --help")
        })?;
    }
    let more = command.get_after_long_help().map(ToString::to_string);
    let mut page = Vec::new();
    man::write(command, &args.command.join(" "), more.as_deref(), &mut page)
        .map_err(|error| Failure::new(exit::UNEXPECTED, error))?;
    output::bytes(&page)
}

/// Without the commands that print help: their pages would be many and empty.
fn without_help(command: clap::Command) -> clap::Command {
    command
        .disable_help_subcommand(true)
        .mut_subcommands(without_help)
}
