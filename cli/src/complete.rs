//! Answers a shell's script, which runs this program with the words typed so far,
//! with what may come next.

use std::env;
use std::ffi::OsString;

use clap::CommandFactory;
use clap_complete::engine::CompletionCandidate;

use crate::args::Cli;
use crate::completion::{self, Shell};
use crate::exit::Failure;
use crate::output;

/// Names the shell that asks.
const SHELL_ENV: &str = "QUILTCTL_COMPLETE";
/// How many words come before the one that is completed.
const INDEX_ENV: &str = "QUILTCTL_COMPLETE_INDEX";

/// Answers a shell, where it is one that asks: with the words typed so far as
/// arguments, the program's name first.
pub(crate) fn answer(args: &[OsString]) -> Option<Result<(), Failure>> {
    let shell = env::var(SHELL_ENV).ok()?;
    let shell: Shell = clap::ValueEnum::from_str(&shell, false).ok()?;
    let mut words = args.to_vec();
    let index = env::var(INDEX_ENV).ok().and_then(|text| text.parse().ok());
    let index = index.unwrap_or(words.len().saturating_sub(1));
    if words.is_empty() || words.len() <= index && index < 10_000 {
        words.resize(index + 1, OsString::new());
    }
    completion::about(&words, index);
    // Options are many; they are offered to whoever begins one.
    let is_option = words[index.min(words.len() - 1)]
        .to_string_lossy()
        .starts_with('-');
    let mut command = Cli::command().mut_arg("catalog", |arg| arg.add(completion::catalogs()));
    // Nothing is said where something fails: the line belongs to the user.
    let found = clap_complete::engine::complete(&mut command, words, index, None);
    let lines = found.unwrap_or_default();
    let text: String = lines
        .iter()
        .filter(|found| is_option || !found.get_value().to_string_lossy().starts_with('-'))
        .filter_map(|candidate| line(shell, candidate))
        .collect();
    Some(output::bytes(text.as_bytes()))
}

/// A candidate as the shell reads it.
fn line(shell: Shell, candidate: &CompletionCandidate) -> Option<String> {
    let value = candidate.get_value().to_str()?;
    if !shell.can_insert(value) {
        return None;
    }
    let help = candidate.get_help().map(ToString::to_string);
    let help = help.as_deref().and_then(|help| help.lines().next());
    Some(match help {
        Some(help) if shell.shows_help() => format!("{value}\t{}\n", output::clean(help)),
        _ => format!("{value}\n"),
    })
}
