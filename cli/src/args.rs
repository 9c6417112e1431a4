//! The command line as clap sees it.

mod hint_rewrite;
mod usage_error;

use quilt_proto::suggested_command::EXAMPLE_CATALOG;
use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser};

pub(crate) use self::hint_rewrite::{about, at, of_typed};
pub(crate) use self::usage_error::help_for;
use self::usage_error::usage_failure;

use crate::commands::Command;
use crate::exit::{self, Failure};
use crate::global::{Global, NAME};
use crate::{help, look, output};

/// Log in to Quilt once; tokens and AWS credentials for everything else.
#[derive(Debug, Parser)]
#[command(name = NAME, version = quilt_proto::build::long_version(), max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What stands in lines of ours for what only their reader knows.
const PLACEHOLDERS: &[(&str, &str)] = &[
    ("OTHER-CATALOG", "the address of your other catalog"),
    ("YOUR-BUCKET", "the name of your bucket"),
    ("YOUR-KEY", "your API key"),
];

/// Refuses a line of ours that was copied and left as it is.
pub(crate) fn without_placeholders(args: &[OsString]) -> Result<(), Failure> {
    let example = EXAMPLE_CATALOG.trim_start_matches("https://");
    // What a program below is told is its own.
    let ours = args.iter().take_while(|arg| *arg != "--");
    for arg in ours.filter_map(|arg| arg.to_str()) {
        if arg.contains(example) {
            let what =
                format!("{example} stands for your catalog's address, as your browser shows it");
            return Err(Failure::new(exit::USAGE, what).hint("quiltctl login --help"));
        }
        let other = PLACEHOLDERS.iter().find(|(word, _)| arg.ends_with(word));
        if let Some((word, meaning)) = other {
            let what = format!("{word} stands for {meaning}");
            return Err(Failure::new(exit::USAGE, what).hint("quiltctl --help"));
        }
    }
    Ok(())
}

/// Parses the arguments after the program's name; `None` after printing help.
pub(crate) fn parse(args: &[OsString]) -> Result<Option<Cli>, Failure> {
    let named = std::iter::once(OsString::from(NAME)).chain(args.iter().cloned());
    if args.is_empty() {
        let mut command = help::command();
        output::bytes(written(&command.render_help()).as_bytes())?;
        return Ok(None);
    }
    let parsed = Cli::command()
        .try_get_matches_from(named.clone())
        // The help costs more than the command: it is made where it is read.
        .or_else(|error| match error.kind() {
            ErrorKind::DisplayHelp => help::command().try_get_matches_from(named),
            _ => Err(error),
        })
        .and_then(|matches| Cli::from_arg_matches(&matches));
    match parsed {
        Ok(cli) => Ok(Some(cli)),
        // Help, or the version.
        Err(error) if !error.use_stderr() => {
            output::bytes(written(&error.render()).as_bytes())?;
            Ok(None)
        }
        Err(error) => Err(usage_failure(&error, args)),
    }
}

/// What clap writes, with its styles where there is colour.
fn written(text: &StyledStr) -> String {
    let text = if look::is_colored() {
        text.ansi().to_string()
    } else {
        text.to_string()
    };
    look::untied(&text)
}

#[cfg(test)]
mod tests;
