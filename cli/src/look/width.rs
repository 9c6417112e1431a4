//! How many cells there are, and how many a text takes.

use std::env;

use rustix::fd::AsFd;
use rustix::stdio::{stderr, stdout};
use rustix::termios::{isatty, tcgetwinsize};
use unicode_width::UnicodeWidthStr;

/// The narrowest screen that anything is laid out for.
const NARROWEST: usize = 20;
/// What a terminal has that does not say.
const USUAL: usize = 80;

/// Whether the terminal understands nothing but text.
pub(crate) fn is_dumb() -> bool {
    env::var_os("TERM").is_none_or(|term| term == "dumb")
}

/// Cells that a text takes; wide characters take two.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// The width of stdout: `COLUMNS`, else the terminal's; nothing where it is no
/// terminal.
pub(crate) fn of_stdout() -> Option<usize> {
    asked_for().or_else(|| of_terminal(stdout()))
}

/// The width of stderr; nothing where it is no terminal: a program that reads
/// it expects one line.
pub(crate) fn of_stderr() -> Option<usize> {
    let said = of_terminal(stderr())?;
    Some(asked_for().unwrap_or(said))
}

fn asked_for() -> Option<usize> {
    let columns = env::var("COLUMNS").ok()?.parse().ok()?;
    Some(NARROWEST.max(columns))
}

fn of_terminal(fd: impl AsFd) -> Option<usize> {
    if !isatty(&fd) {
        return None;
    }
    let said = tcgetwinsize(&fd).map_or(0, |size| usize::from(size.ws_col));
    Some(if said == 0 {
        USUAL
    } else {
        said.max(NARROWEST)
    })
}

/// A text as lines of at most so many cells, broken between words. A word that
/// is longer stands whole: somebody may have to copy it.
pub(crate) fn wrap(text: &str, cells: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.push_str(word);
        } else if width(line) + 1 + width(word) <= cells {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}
