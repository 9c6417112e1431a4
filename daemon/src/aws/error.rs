//! How AWS can fail.

use quilt_network::{Failure, Origin};
use quilt_proto::aws::NotAws;
use quilt_proto::{Quoted, Reason, Secret};

/// Why AWS gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AwsError {
    /// No answer, a broken one, or a 5xx: may pass.
    #[error("{service} {failure}")]
    Unreachable {
        /// Whom we asked.
        service: &'static str,
        /// Where, if it got as far as that.
        origin: Option<Origin>,
        /// What happened.
        failure: Failure,
    },
    /// It cannot be asked like this, or its answer is none.
    #[error("{service} {reason}")]
    Odd {
        /// Who.
        service: &'static str,
        /// What is odd.
        reason: &'static str,
    },
    /// AWS understood and said no.
    #[error("{service} refused: {message}")]
    Refused {
        /// Who refused.
        service: String,
        /// Why, as it says.
        message: Reason,
        /// It does not know the keys we asked with, or no longer does.
        stale_keys: bool,
    },
    /// What it gave for credentials are none.
    #[error("{service} gave no AWS credentials: {what}")]
    Invalid {
        /// Who gave them.
        service: &'static str,
        /// What is wrong with them.
        what: NotAws,
    },
}

impl AwsError {
    pub(super) fn unreachable(
        service: &'static str,
        origin: Option<Origin>,
        failure: Failure,
    ) -> Self {
        Self::Unreachable {
            service,
            origin,
            failure,
        }
    }

    pub(super) fn odd(service: &'static str, reason: &'static str) -> Self {
        Self::Odd { service, reason }
    }

    /// The kind of failure, for those who count them.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } | Self::Odd { .. } => "unreachable",
            Self::Refused { .. } => "refused",
            Self::Invalid { .. } => "invalid",
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

/// AWS's text without what we sent it.
pub(super) fn said(text: &str, secrets: &[&Secret]) -> Reason {
    let said = Quoted::without_secrets(text, secrets);
    Reason::theirs_or(said, "its answer is not fit to be shown")
}
