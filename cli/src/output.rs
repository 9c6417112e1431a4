//! Results on stdout, remarks on stderr.

use std::fmt::Display;
use std::io::{self, Write};

use rustix::io::Errno;
use serde::de::IgnoredAny;

use crate::exit::{self, Failure};

/// The most characters of a line about an error.
const MAX_LINE: usize = 1000;

/// Writes bytes to stdout as they are, past the standard library's buffer,
/// which would keep a copy of a secret. A reader that went away is no error
/// worth a word.
pub(crate) fn bytes(mut bytes: &[u8]) -> Result<(), Failure> {
    while !bytes.is_empty() {
        match rustix::io::write(rustix::stdio::stdout(), bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            Err(Errno::PIPE) => return Err(Failure::quiet(0)),
            Err(error) => {
                let what = format!("cannot write the result: {error}");
                return Err(Failure::new(exit::UNEXPECTED, what).hint("df -h"));
            }
        }
    }
    Ok(())
}

/// Writes one line of text that may come from elsewhere to stdout.
pub(crate) fn line(text: impl Display) -> Result<(), Failure> {
    bytes(format!("{}\n", clean(&text.to_string())).as_bytes())
}

/// Writes a JSON body to stdout as the daemon sent it; nothing becomes `{}`.
pub(crate) fn json(body: &[u8]) -> Result<(), Failure> {
    let body = if body.is_empty() { b"{}" } else { body };
    if serde_json::from_slice::<IgnoredAny>(body).is_err() {
        return Err(quilt_client::Error::InvalidAnswer("a body that is not JSON").into());
    }
    bytes(&[body, b"\n"].concat())
}

/// Says something to the person in front of the terminal.
pub(crate) fn note(text: impl Display) {
    remark(&format!("{}\n", clean(&text.to_string())));
}

/// Writes to stderr as it is. Nobody is left to tell where that fails, and the
/// exit code still says how it went.
pub(crate) fn remark(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Writes rows under their headings, columns aligned.
pub(crate) fn table<const N: usize>(
    headings: [&str; N],
    rows: &[[String; N]],
) -> Result<(), Failure> {
    let rows: Vec<[String; N]> = std::iter::once(headings.map(str::to_owned))
        .chain(rows.iter().cloned())
        .map(|row| row.map(|cell| clean(&cell)))
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    bytes(text.as_bytes())
}

/// A value, or a dash where there is none.
pub(crate) fn or_dash<T: Display>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// The text without what could steer a terminal.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .map(|char| if steers_terminal(char) { ' ' } else { char })
        .collect()
}

/// The text as a single line of bounded length.
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<String> = clean(text).split_whitespace().map(str::to_owned).collect();
    words.join(" ").chars().take(MAX_LINE).collect()
}

/// Control characters, line separators, and marks that reverse the direction of text.
fn steers_terminal(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_elsewhere_steers_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\u{202e}c\nd"), "a [2Jb c d");
        assert_eq!(one_line(" a\r\n\n b \u{7}"), "a b");
        assert_eq!(one_line(&"x".repeat(5000)).len(), MAX_LINE);
    }
}
