//! How the Python SDK's files came to lead away from the gateway.

/// One way the SDK's files no longer lead to the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LostRedirection {
    /// `config.yml` names another registry.
    #[error("config.yml names another registry")]
    Config,
    /// `auth.json` has no grant for the gateway, or one that is none any more.
    #[error("auth.json holds no valid grant")]
    Auth,
}
