//! Names and texts of others as a screen shows them: cleaned, and quoted where
//! they could be taken for our words.

use quilt_proto::{ApiKeySecret, quoted, terminal_safe};

/// The longest name that is shown as it is, in bytes.
const MAX_NAME: usize = 4096;

/// A text of somebody else that may be shown. Only this module makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExternalText(String);

impl ExternalText {
    /// The text, as it may be shown.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ExternalText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<ExternalText> for String {
    fn from(foreign: ExternalText) -> Self {
        foreign.0
    }
}

/// A name somebody else gave: as it is where it is one word of letters, digits
/// and plain punctuation, else as quoted speech. Nothing in it can be taken for
/// a word, a column or a line of ours.
pub(crate) fn name(text: &str) -> ExternalText {
    ExternalText(if is_plain(text) {
        text.to_owned()
    } else {
        // What is plain to `quoted` is not always plain here.
        let shown = quoted::name(text).to_string();
        if shown.starts_with('“') {
            shown
        } else {
            format!("“{shown}”")
        }
    })
}

/// Several of them.
pub(crate) fn names<T: AsRef<str>>(
    texts: impl IntoIterator<Item = T>,
    between: &str,
) -> ExternalText {
    let shown: Vec<String> = texts
        .into_iter()
        .map(|text| name(text.as_ref()).0)
        .collect();
    ExternalText(shown.join(between))
}

/// A sentence of the daemon, in which words of others are quoted already: on
/// one line, without what steers a terminal.
pub(crate) fn says(text: &str) -> ExternalText {
    ExternalText(crate::output::one_line(text))
}

/// Whether a text stands for itself.
fn is_plain(text: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || "-_./@%+,=:~*?#".contains(c);
    text.len() <= MAX_NAME
        && !ApiKeySecret::has_within(text)
        && text
            .chars()
            .all(|c| is_part(c) && terminal_safe::is_harmless(c))
        && text.chars().next().is_some_and(char::is_alphanumeric)
        || is_path(text)
        || is_address(text)
}

/// An absolute path of plain characters.
fn is_path(text: &str) -> bool {
    text.strip_prefix('/')
        .is_some_and(|rest| rest.is_empty() || is_plain(rest))
}

/// An address in a bucket, whose key may be anything but what ends a line.
fn is_address(text: &str) -> bool {
    text.strip_prefix("s3://").is_some_and(|rest| {
        !rest.is_empty()
            && rest
                .chars()
                .all(|c| c.is_ascii_graphic() && !"\"'`\\$;&|<>(){}!".contains(c))
    })
}
