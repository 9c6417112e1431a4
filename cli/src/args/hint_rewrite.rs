//! A command that is advised, as this program would read it, with what was typed
//! or is at hand.

use std::ffi::OsString;

use clap::{ArgMatches, CommandFactory, FromArgMatches};
use quilt_proto::Command as Hint;

use super::{Cli, NAME};
use crate::{exit, key_source};

/// Whether a line is a command of ours that is about one catalog, and names
/// none.
pub(crate) fn lacks_catalog(line: &str) -> bool {
    read(line)
        .is_some_and(|(_, cli)| cli.global.catalog.is_none() && cli.command.is_about_one_catalog())
}

/// Whether a line is a command of ours that asks a daemon, and names no place
/// where that is.
pub(crate) fn lacks_socket(line: &str) -> bool {
    read(line).is_some_and(|(_, cli)| cli.global.socket.is_none() && cli.command.asks_a_daemon())
}

/// Whether a line names the place of the daemon.
pub(crate) fn names_socket(line: &str) -> bool {
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
pub(crate) fn keeping_options(hint: &Hint, typed: &[OsString]) -> Option<Hint> {
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

/// A line without one of its words.
fn without_word(command: &Hint, left_out: &str) -> Option<Hint> {
    let words = shlex::split(&command.to_string())?;
    let mut words = words.iter().filter(|word| *word != left_out);
    words.next().filter(|word| *word == NAME)?;
    Some(words.fold(Hint::of(NAME), |line, word| line.word(word)))
}

/// `hint`, where it is a login in the browser and the environment has an API
/// key that nobody asked for: a login with that.
pub(crate) fn with_key_at_hand(hint: &Hint) -> Option<Hint> {
    if !key_source::is_at_hand() {
        return None;
    }
    let (_, cli) = read(&hint.to_string())?;
    let asks_for_code = cli.command.is_login_with_code();
    asks_for_code.then(|| hint.clone().option("--api-key-env", key_source::VARIABLE))
}

/// The same where nobody was refused, also where `hint` asks for an API key to be
/// typed: a key that was may be the very one that is at hand.
pub(crate) fn with_first_key_at_hand(hint: &Hint) -> Option<Hint> {
    with_key_at_hand(hint).or_else(|| without_typing(hint))
}

/// `hint`, where it asks for an API key to be typed and the environment has one:
/// that one.
fn without_typing(hint: &Hint) -> Option<Hint> {
    let rest = without_word(hint, "--api-key")?;
    let is_typed = *hint != *rest.to_string().as_str();
    is_typed.then(|| with_key_at_hand(&rest)).flatten()
}
