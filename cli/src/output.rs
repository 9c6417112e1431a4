//! Results on stdout, remarks on stderr.

use std::fmt::Display;
use std::io::{self, Write};

use quilt_proto::suggested_command::{RUN, sentence};
use quilt_proto::{Command, terminal_safe};
pub(crate) use quiltctl_creds::write_all;
use rustix::io::Errno;
use serde::Serialize;
use serde::de::IgnoredAny;
use zeroize::Zeroizing;

use crate::exit::{self, Failure};
use crate::look::{self, width};

/// The most characters of a line or a cell of a result.
const MAX_TEXT: usize = 6000;

/// Writes bytes to stdout as they are, past the standard library's buffer,
/// which would keep a copy of a secret. A reader that went away is no error
/// worth a word.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    write_all(bytes).map_err(|error| match error {
        Errno::PIPE => Failure::quiet(0),
        error => unwritten(error).hint("df -h"),
    })
}

pub(crate) fn unwritten(error: Errno) -> Failure {
    let what = format!("cannot write the result: {error}");
    Failure::new(exit::UNEXPECTED, what)
}

/// Writes one line of text that may come from elsewhere to stdout.
pub(crate) fn line(text: impl Display) -> Result<(), Failure> {
    bytes(format!("{}\n", clean(&text.to_string())).as_bytes())
}

/// The same for a sentence: on a terminal it is broken between words.
pub(crate) fn sentence_to_stdout(text: impl Display) -> Result<(), Failure> {
    let room = width::of_stdout();
    bytes(on_screen(&clean(&text.to_string()), None, room).as_bytes())
}

/// Writes a JSON body to stdout as the daemon sent it; nothing becomes `{}`.
pub(crate) fn json(body: &[u8]) -> Result<(), Failure> {
    bytes(&json_line(body)?)
}

/// Prints what was computed here, as the API would.
pub(crate) fn computed(value: &impl Serialize) -> Result<(), Failure> {
    let body = serde_json::to_vec(value).map_err(|error| Failure::new(exit::UNEXPECTED, error))?;
    json(&body)
}

/// A JSON body as a line, wiped after use.
pub(crate) fn json_line(body: &[u8]) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let body = if body.is_empty() { b"{}" } else { body };
    if serde_json::from_slice::<IgnoredAny>(body).is_err() {
        return Err(quilt_client::Error::InvalidAnswer("a body that is not JSON").into());
    }
    let text = std::str::from_utf8(body)
        .map_err(|_| quilt_client::Error::InvalidAnswer("a body that is not text"))?;
    let shown = shown_json(text);
    Ok(Zeroizing::new([shown.as_bytes(), b"\n"].concat()))
}

/// JSON as it is, but for a terminal, which it must not steer: there it is
/// written with escapes.
pub(crate) fn shown_json(json: &str) -> Zeroizing<String> {
    Zeroizing::new(if look::is_seen() {
        terminal_safe::json_for_terminal(json)
    } else {
        json.to_owned()
    })
}

/// Says something to the person in front of the terminal.
pub(crate) fn note(text: impl Display) {
    let text = clean(&text.to_string());
    remark(&on_screen(&text, None, width::of_stderr()));
}

/// Says what somebody copies: never broken.
pub(crate) fn whole(text: impl Display) {
    remark(&format!("{}\n", clean(&text.to_string())));
}

/// Says what one does next: commands, each with what it is for: beside it, or
/// below all where there is no room and one step alone.
pub(crate) fn next(steps: &[(Command, &str)]) {
    remark(&next_on_screen(steps, width::of_stderr()));
}

fn next_on_screen(steps: &[(Command, &str)], room: Option<usize>) -> String {
    let commands: Vec<String> = steps.iter().map(|(step, _)| step.to_string()).collect();
    let longest = commands.iter().map(|step| width::width(step)).max();
    let mut text = String::new();
    for (at, (command, (_, purpose))) in commands.iter().zip(steps).enumerate() {
        let lead = if at == 0 { "Next:  " } else { "       " };
        let gap = longest.unwrap_or(0) - width::width(command) + 3;
        let line = [lead, command, &" ".repeat(gap), purpose].concat();
        let fits = room.is_none_or(|room| width::width(&line) <= room);
        text.push_str(if fits { line.trim_end() } else { lead });
        text.push_str(if fits { "" } else { command });
        text.push('\n');
        if !fits && steps.len() == 1 {
            text.push_str("       ");
            text.push_str(purpose);
            text.push('\n');
        }
    }
    text
}

/// Says something, and the command that goes with it.
pub(crate) fn advise(what: &str, hint: &Command) {
    remark(&on_screen(&clean(what), Some(hint), width::of_stderr()));
}

/// A sentence and its command: one line where there is room for it, or nobody
/// sees it. Else broken between words, and the command, which somebody copies,
/// whole on a line of its own.
pub(crate) fn on_screen(what: &str, hint: Option<&Command>, room: Option<usize>) -> String {
    const HANG: &str = "    ";
    let line = sentence(what, hint);
    let Some(room) = room.filter(|room| width::width(&line) > *room) else {
        return line + "\n";
    };
    let said = what.trim_start();
    let indent = &what[..what.len() - said.len()];
    let room = room.saturating_sub(indent.len() + HANG.len());
    let mut text = String::new();
    for (at, part) in width::wrap(said, room).iter().enumerate() {
        let hang = if at == 0 { "" } else { HANG };
        text.push_str(&[indent, hang, part, "\n"].concat());
    }
    if let Some(hint) = hint {
        text.push_str(&[indent, HANG, RUN, &hint.to_string(), "\n"].concat());
    }
    text
}

/// Writes to stderr as it is. Nobody is left to tell where that fails, and the
/// exit code still says how it went.
pub(crate) fn remark(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// The text without what could steer a terminal or cannot be seen; of bounded
/// length.
pub(crate) fn clean(text: &str) -> String {
    let mut clean = terminal_safe::clean(text);
    if let Some((end, _)) = clean.char_indices().nth(MAX_TEXT) {
        clean.truncate(end);
        clean.push('…');
    }
    clean
}

/// The text as a single line of bounded length.
pub(crate) fn one_line(text: &str) -> String {
    terminal_safe::error_line(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_to_copy_is_never_broken() {
        let command = Command::of("quiltctl login").operand("https://demo.quilt.example");
        let what = "quiltctl: a sentence of some words, with more to say than fits";
        let one = format!("{what}; run: {command}\n");
        assert_eq!(on_screen(what, Some(&command), None), one);
        assert_eq!(on_screen(what, Some(&command), Some(200)), one);
        for room in [20, 40, 60, 80] {
            let text = on_screen(what, Some(&command), Some(room));
            let (said, run) = text.trim_end().rsplit_once('\n').unwrap();
            assert_eq!(run, format!("    run: {command}"));
            assert_eq!(said.split_whitespace().collect::<Vec<_>>().join(" "), what);
            assert!(said.lines().all(|line| line.len() <= room), "{text}");
        }
        let next = "  Next:  x";
        assert_eq!(on_screen(next, None, Some(20)), format!("{next}\n"));
    }

    #[test]
    fn what_one_does_next_is_never_broken() {
        let steps = [
            (Command::of("quiltctl setup aws"), "for every AWS program"),
            (Command::of("quiltctl setup quilt3"), "for Python"),
            (Command::of("quiltctl status"), ""),
        ];
        let wide = "Next:  quiltctl setup aws      for every AWS program\n       quiltctl setup \
                    quilt3   for Python\n       quiltctl status\n";
        assert_eq!(next_on_screen(&steps, Some(60)), wide);
        assert_eq!(next_on_screen(&steps, None), wide);
        let narrow = "Next:  quiltctl setup aws\n       quiltctl setup quilt3   for Python\n       \
                      quiltctl status\n";
        assert_eq!(next_on_screen(&steps, Some(45)), narrow);
    }

    #[test]
    fn nothing_from_elsewhere_steers_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\u{202e}c\nd"), "a [2Jb\u{fffd}c d");
        assert_eq!(one_line(" a\r\n\n b \u{7}"), "a b");
        assert_eq!(one_line(&"x".repeat(50_000)).chars().count(), 6000);
        assert_eq!(clean(&"x".repeat(50_000)).chars().count(), MAX_TEXT + 1);
    }
}
