//! How a stack can fail.

/// Why a stack gave no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StackError {
    /// No answer, a broken one, or a 5xx: may pass.
    #[error("{host} {reason}")]
    Unreachable {
        /// Whom we asked.
        host: String,
        /// What happened.
        reason: String,
    },
    /// 401 or 403.
    #[error("{host} refused: {message}")]
    Unauthorized {
        /// Who refused.
        host: String,
        /// In its words, made one line.
        message: String,
    },
    /// 400, or an error inside a 200.
    #[error("{host} refused: {message}")]
    Refused {
        /// Who refused.
        host: String,
        /// In its words, made one line.
        message: String,
    },
    /// GraphQL's `InvalidInput`: the stack knows who asks, and wants other input.
    #[error("{host} does not accept that: {message}")]
    Input {
        /// Who answered.
        host: String,
        /// The kind of mistake, in the stack's word.
        name: String,
        /// In its words, made one line.
        message: String,
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
    /// The kind of failure, for those who count them.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Refused { .. } | Self::Input { .. } => "refused",
            Self::Invalid { .. } => "invalid",
        }
    }

    /// Whether a token endpoint that says this means the token (RFC 6749
    /// `400 invalid_grant`, or 401 and 403 as Quilt's registry answers).
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Unauthorized { .. })
    }

    /// Whether the input named something the stack does not have.
    pub fn is_not_found(&self) -> bool {
        let says = |text: &str| {
            let text = text.to_lowercase().replace(' ', "");
            text.contains("notfound") || text.contains("doesnotexist")
        };
        matches!(self, Self::Input { name, message, .. } if says(name) || says(message))
    }
}
