//! What is wrong with `quiltd.toml`, as one line.

use quilt_proto::Quoted;

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

/// A name or message from the file as it stands between single quotes.
pub(super) fn quotable(text: &str) -> String {
    Quoted::new(text).as_str().replace('\'', "’")
}

/// The number of the line that follows `before`, from 1.
pub(super) fn line(before: &[u8]) -> usize {
    before.split(|byte| *byte == b'\n').count()
}
