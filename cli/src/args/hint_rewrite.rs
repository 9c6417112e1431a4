//! A command that is advised, as this program would read it, with what was typed
//! or is at hand.

use std::ffi::OsString;
use std::path::Path;

use clap::{ArgMatches, CommandFactory, FromArgMatches};
use quilt_proto::{CatalogName, CatalogUrl, Command as Hint};

use super::Cli;
use crate::commands::key_at_hand::{self, without_word};
use crate::context::Context;
use crate::exit::{self, Failure};
use crate::global::NAME;

/// The same failure of a run that was for `catalog`: so is what it names to
/// run.
pub(crate) fn about(failure: Failure, catalog: Option<&str>) -> Failure {
    let catalog = catalog.filter(|catalog| is_shown(catalog));
    let hint = failure.advice().zip(catalog);
    let hint = hint.filter(|(hint, _)| lacks_catalog(&hint.to_string()));
    let there = hint.map(|(hint, catalog)| hint.clone().option("--catalog", catalog));
    failure.hint_if(there)
}

/// The same failure of a run that looked for the daemon in this place: so
/// does what it names to run.
pub(crate) fn at(failure: Failure, socket: Option<&Path>) -> Failure {
    let hint = failure.advice().zip(socket);
    let hint = hint.filter(|(hint, _)| lacks_socket(&hint.to_string()));
    let there = hint.map(|(hint, socket)| hint.clone().path_option("--socket", socket));
    failure.hint_if(there.filter(|there| names_socket(&there.to_string())))
}

/// The same failure of what was typed: where that is to be run once more,
/// its options stay; where a login is, a key at hand will do.
pub(crate) fn of_typed(context: &Context, failure: Failure, typed: &[OsString]) -> Failure {
    let hint = failure.advice();
    let kept = hint.and_then(|hint| keeping_options(hint, typed));
    key_at_hand::offered(context, failure.hint_if(kept))
}

/// Whether a text that was given as a catalog may be one. What is not is
/// perhaps a secret.
fn is_shown(catalog: &str) -> bool {
    !exit::may_be_secret(catalog)
        && (CatalogUrl::from_typed(catalog).is_ok() || catalog.parse::<CatalogName>().is_ok())
}

/// Whether a line is a command of ours that is about one catalog, and names
/// none.
fn lacks_catalog(line: &str) -> bool {
    read(line)
        .is_some_and(|(_, cli)| cli.global.catalog.is_none() && cli.command.is_about_one_catalog())
}

/// Whether a line is a command of ours that asks a daemon, and names no place
/// where that is.
fn lacks_socket(line: &str) -> bool {
    read(line).is_some_and(|(_, cli)| cli.global.socket.is_none() && cli.command.asks_a_daemon())
}

/// Whether a line names the place of the daemon.
fn names_socket(line: &str) -> bool {
    read(line).is_some_and(|(_, cli)| cli.global.socket.is_some())
}

/// A line as this program reads it; of several commands, the last.
fn read(line: &str) -> Option<(ArgMatches, Cli)> {
    let words = shlex::split(line)?;
    let last = words.iter().rposition(|word| word == "&&");
    let words = &words[last.map_or(0, |at| at + 1)..];
    if words.first().is_none_or(|word| word != NAME) {
        return None;
    }
    let matches = Cli::command().try_get_matches_from(words).ok()?;
    let cli = Cli::from_arg_matches(&matches).ok()?;
    Some((matches, cli))
}

/// `hint`, where it is what was typed once more with something changed: with
/// all the options that were given.
pub(super) fn keeping_options(hint: &Hint, typed: &[OsString]) -> Option<Hint> {
    let (there, cli) = read(&hint.to_string())?;
    let typed = std::iter::once(OsString::from(NAME)).chain(typed.iter().cloned());
    let here = Cli::command().try_get_matches_from(typed).ok()?;
    if !cli.command.repeats() {
        return None;
    }
    let mut command = Cli::command();
    command.build();
    let (mut here, mut there, mut command) = (&here, &there, &command);
    while let (Some((name, below)), Some((other, same))) = (here.subcommand(), there.subcommand())
        && name == other
    {
        (here, there) = (below, same);
        command = command.find_subcommand(name)?;
    }
    if here.subcommand_name() != there.subcommand_name() {
        return None;
    }
    let is_given = |of: &ArgMatches, id: &str| {
        of.value_source(id) == Some(clap::parser::ValueSource::CommandLine)
    };
    let mut kept = hint.clone();
    for option in command.get_arguments() {
        let id = option.get_id().as_str();
        let Some(long) = option.get_long().filter(|_| !option.is_global_set()) else {
            continue;
        };
        if is_given(here, id) && !is_given(there, id) {
            let values = if option.get_action().takes_values() {
                here.get_raw(id).into_iter().flatten().collect()
            } else {
                Vec::new()
            };
            kept = with_option(&kept, long, &values).unwrap_or(kept);
        }
    }
    Some(kept)
}

/// A command with an option; nothing where it does not go with the rest, or its
/// value may be a secret.
fn with_option(command: &Hint, long: &str, values: &[&std::ffi::OsStr]) -> Option<Hint> {
    let with = |command: &Hint| {
        let name = format!("--{long}");
        let mut with = command.clone();
        match values {
            [] => with = with.word(&name),
            values => {
                for value in values {
                    let value = value.to_str().filter(|value| !exit::may_be_secret(value))?;
                    with = if value.starts_with('-') {
                        with.word(&format!("{name}={value}"))
                    } else {
                        with.word(&name).word(value)
                    };
                }
            }
        }
        read(&with.to_string()).map(|_| with)
    };
    // The daemon says how a key is given, not from where.
    with(command).or_else(|| with(&without_word(command, "--api-key")?))
}
