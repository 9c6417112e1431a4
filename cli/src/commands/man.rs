//! `man`: manual pages, in the format `man -l -` reads.

use std::path::PathBuf;

use clap::CommandFactory;

use crate::args::Cli;
use crate::exit::{self, Failure};
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

pub(super) fn run(args: &Args) -> Result<(), Failure> {
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
            Failure::new(exit::USAGE, "there is no such command").hint("quiltctl --help")
        })?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone())
        .render(&mut page)
        .map_err(|error| Failure::new(exit::UNEXPECTED, error))?;
    output::bytes(&page)
}

/// Without the commands that print help: their pages would be many and empty.
fn without_help(command: clap::Command) -> clap::Command {
    command
        .disable_help_subcommand(true)
        .mut_subcommands(without_help)
}
