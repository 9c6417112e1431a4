//! How AWS can fail.

use quilt_proto::Secret;

/// The longest part of AWS's words that is quoted, in characters.
const MAX_MESSAGE: usize = 400;

/// Why AWS gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AwsError {
    /// No answer, a broken one, or a 5xx: may pass.
    #[error("{service} {reason}")]
    Unreachable {
        /// Whom we asked.
        service: String,
        /// What happened.
        reason: String,
    },
    /// AWS understood and said no.
    #[error("{service} refused: {message}")]
    Refused {
        /// Who refused.
        service: String,
        /// In its words, made one line.
        message: String,
        /// It does not know the keys we asked with, or no longer does.
        stale_keys: bool,
    },
}

impl AwsError {
    pub(super) fn unreachable(service: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Unreachable {
            service: service.into(),
            reason: reason.into(),
        }
    }

    /// The kind of failure, for those who count them.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::Refused { .. } => "refused",
        }
    }

    /// Whether other keys may be accepted.
    pub fn means_stale_keys(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                stale_keys: true,
                ..
            }
        )
    }
}

/// AWS's text as one short line without what we sent it.
pub(super) fn one_line(text: &str, secrets: &[&Secret]) -> String {
    if secrets.iter().any(|secret| text.contains(secret.expose())) {
        return "its answer repeats a secret and is not shown".to_owned();
    }
    let flat: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let words: Vec<&str> = flat.split_whitespace().collect();
    words.join(" ").chars().take(MAX_MESSAGE).collect()
}
