//! How a stack can fail.

use std::fmt::Display;

use quilt_network::{Failure, Origin};
use quilt_proto::aws::NotAws;
use quilt_proto::{Quoted, Reason};

/// Why a stack gave no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StackError {
    /// No answer, a broken one, or a 5xx: may pass.
    #[error("{host} {failure}")]
    Unreachable {
        /// Whom we asked.
        host: Origin,
        /// What happened.
        failure: Failure,
    },
    /// 401 in the stack's own voice, or an answer to nobody: the bearer token
    /// is not accepted, whatever the reason.
    #[error("{host} refused: {message}")]
    Unauthorized {
        /// Who refused.
        host: String,
        /// Why, as it says.
        message: Reason,
    },
    /// 403 in the stack's own voice: it knows who asks, who may not do that.
    #[error("{host} refused: {message}")]
    Forbidden {
        /// Who refused.
        host: String,
        /// Why, as it says.
        message: Reason,
    },
    /// A token endpoint does not accept a code or refresh token, in the stack's
    /// own voice.
    #[error("{host} refused: {message}")]
    TokenRejected {
        /// Who refused.
        host: String,
        /// Why, as it says.
        message: Reason,
    },
    /// 400, or an error inside a 200.
    #[error("{host} refused: {message}")]
    Refused {
        /// Who refused.
        host: String,
        /// Why, as it says.
        message: Reason,
    },
    /// GraphQL's `InvalidInput`: the stack knows who asks, and wants other input.
    #[error("{host} does not accept that: {message}")]
    Input {
        /// Who answered.
        host: String,
        /// The kind of mistake, in the stack's word.
        name: Option<Quoted>,
        /// What is wrong with it, as it says.
        message: Reason,
    },
    /// The search is longer than what is in front of a stack lets through.
    #[error("the search has {length} bytes, {longest} at most")]
    TooLong {
        /// Its length in a URL, in bytes.
        length: usize,
        /// The most bytes.
        longest: usize,
    },
    /// What it gave for AWS credentials are none.
    #[error("{host} gave no AWS credentials: {what}")]
    Credentials {
        /// Who gave them.
        host: String,
        /// What is wrong with them.
        what: NotAws,
    },
    /// An answer that is not the protocol.
    #[error("{host} gave an answer that is not Quilt's: {reason}")]
    Invalid {
        /// Who answered.
        host: String,
        /// What was wrong with it.
        reason: String,
    },
}

impl StackError {
    /// No answer, or a broken one.
    pub(super) fn unreachable(host: Origin, failure: Failure) -> Self {
        Self::Unreachable { host, failure }
    }

    /// An answer that is not the protocol.
    pub fn invalid(host: impl Display, reason: impl Into<String>) -> Self {
        Self::Invalid {
            host: host.to_string(),
            reason: reason.into(),
        }
    }

    /// A registry knows nobody by the bearer token that it was shown.
    pub(super) fn unknown_bearer(host: String) -> Self {
        Self::Unauthorized {
            host,
            message: Reason::Own("it does not know who is asking"),
        }
    }

    /// The kind of failure, for those who count them.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::Unauthorized { .. } | Self::TokenRejected { .. } => "unauthorized",
            Self::Forbidden { .. }
            | Self::Refused { .. }
            | Self::Input { .. }
            | Self::TooLong { .. } => "refused",
            Self::Invalid { .. } | Self::Credentials { .. } => "invalid",
        }
    }

    /// For how many seconds the stack is not to be asked again, where it said so.
    pub fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Unreachable { failure, .. } => failure.retry_after(),
            _ => None,
        }
    }

    /// Whether a request got nowhere as far as is known here, and may have been
    /// carried out all the same.
    pub fn may_have_been_heard(&self) -> bool {
        match self {
            Self::Unreachable { failure, .. } => !failure.is_before_request(),
            Self::Invalid { .. } => true,
            _ => false,
        }
    }

    /// Whether the stack itself does not accept the code or refresh token.
    /// Nothing else ends a login: a firewall's page, a portal's or a proxy's is
    /// trouble on the way, and passes.
    pub fn rejects_token(&self) -> bool {
        matches!(self, Self::TokenRejected { .. })
    }

    /// Whether the input named something the stack does not have.
    pub fn is_not_found(&self) -> bool {
        let says = |text: &str| {
            let text = text.to_lowercase().replace(' ', "");
            text.contains("notfound") || text.contains("doesnotexist")
        };
        matches!(self, Self::Input { name, message, .. }
            if name.as_ref().is_some_and(|name| says(name.as_str())) || says(message.as_str()))
    }
}
