//! A login that is advised, by the API key that the environment has.

use clap::Parser;
use quilt_proto::Command as Hint;

use super::login::args::Args;
use crate::exit::{self, Failure};
use crate::global::{Global, NAME};
use crate::key_source;

/// A login as this program reads it.
#[derive(Parser)]
struct Line {
    #[command(flatten)]
    _global: Global,

    #[command(subcommand)]
    command: Login,
}

#[derive(clap::Subcommand)]
enum Login {
    Login(Args),
}

/// The login that a line is.
fn read(line: &str) -> Option<Args> {
    let words = shlex::split(line)?;
    let name = words.first().filter(|word| *word == NAME);
    let line = name.and_then(|_| Line::try_parse_from(&words).ok())?;
    let Login::Login(args) = line.command;
    Some(args)
}

/// A line without one of its words.
pub(crate) fn without_word(command: &Hint, left_out: &str) -> Option<Hint> {
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
    let login = read(&hint.to_string())?;
    let asks_for_code = login.asks_for_code();
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

/// The same failure; where it names a login, a key at hand will do.
pub(crate) fn offered(failure: Failure) -> Failure {
    let with_key = failure.advice().and_then(|hint| match failure.code() {
        // A key that was refused has another code.
        exit::LOGIN => with_first_key_at_hand(hint),
        exit::INPUT => with_key_at_hand(hint),
        _ => None,
    });
    failure.hint_if(with_key)
}
