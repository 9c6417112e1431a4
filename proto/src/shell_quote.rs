//! A word in a line for a shell: the one place that quotes.

use std::fmt::Write;

use crate::terminal_safe;

/// A word as a shell reads it, in quotes where it needs some.
pub(crate) fn quote(word: &[u8]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./@%+,:=".contains(c);
    match std::str::from_utf8(word) {
        Ok(text) if !text.is_empty() && !text.starts_with('=') && text.chars().all(plain) => {
            text.to_owned()
        }
        // The same word to a shell, and no second end of our sentence.
        Ok(text) if text.chars().all(terminal_safe::is_harmless) => {
            in_quotes(text).replace("; run:", ";'' run:")
        }
        _ => octal(word),
    }
}

/// A word in quotes that POSIX shells and fish read alike, and that end nowhere
/// else in PowerShell: fish knows escapes within single quotes, and PowerShell
/// takes typographic quotes for plain ones.
fn in_quotes(text: &str) -> String {
    let mut line = String::new();
    let mut within = None;
    for c in text.chars() {
        let quote = match c {
            '\\' => None,
            '\'' | '\u{2018}'..='\u{201b}' => Some('"'),
            _ => Some('\''),
        };
        if quote != within {
            line.extend(within);
            line.extend(quote);
            within = quote;
        }
        if quote.is_none() {
            line.push('\\');
        }
        line.push(c);
    }
    line.extend(within);
    if line.is_empty() {
        "''".to_owned()
    } else {
        line
    }
}

/// A word with characters that no line can show: `printf` makes them.
fn octal(word: &[u8]) -> String {
    let mut text = String::from("\"$(printf '");
    for byte in word {
        // No hyphen: `printf` could take it for an option.
        if byte.is_ascii_alphanumeric() || b"_./ ".contains(byte) {
            text.push(char::from(*byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\{byte:03o}");
        }
    }
    text.push_str("')\"");
    text
}
