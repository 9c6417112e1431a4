//! What is wrong with `quiltd.toml`, as one line.

/// The longest name or message quoted, in characters.
const MAX_QUOTED: usize = 120;

/// Why the settings are not in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A line of the file is wrong.
    #[error("line {line}: {what}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong; one line.
        what: String,
    },
    /// It may be somebody else's doing.
    #[error("it is not believed: {0}")]
    Distrusted(quilt_trust::Distrust),
    /// The file as a whole cannot be used.
    #[error("{0}")]
    File(String),
}

/// A name or message from the file as part of one short line.
pub(super) fn quotable(text: &str) -> String {
    let flat: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let words: Vec<&str> = flat.split_whitespace().collect();
    words.join(" ").chars().take(MAX_QUOTED).collect()
}

/// The number of the line that follows `before`, from 1.
pub(super) fn line(before: &[u8]) -> usize {
    before.split(|byte| *byte == b'\n').count()
}
