//! How the Python SDK's files came to lead away from the gateway.

/// One way the SDK's files no longer lead to the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    /// `config.yml` names another registry.
    Config,
    /// `auth.json` has no grant for the gateway, or one that is none any more.
    Auth,
}

impl Drift {
    /// In words.
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Config => "config.yml names another registry",
            Self::Auth => "auth.json holds no valid grant",
        }
    }
}
