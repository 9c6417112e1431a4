//! What the audit log calls what was done.

use std::fmt;

/// What was asked for, as the audit log calls it: of an endpoint, or over
/// loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Action {
    /// The bearer token.
    Token,
    /// AWS credentials.
    Credentials,
    /// A URL that signs in to the AWS console.
    Console,
    /// A grant was made.
    Grant,
    /// A grant was taken back.
    GrantRevoke,
    /// The Python SDK was led to the daemon.
    GatewaySetUp,
    /// The Python SDK's files were put back.
    GatewayUndo,
    /// A login, by code or finished in the browser.
    Login,
    /// A login through the browser began.
    WebLogin,
    /// A logout.
    Logout,
    /// The user agreed to a registry.
    RegistryAccept,
    /// An API key goes before the login.
    ApiKeySet,
    /// It does so no longer.
    ApiKeyClear,
    /// Another role is active.
    RoleSwitch,
    /// An API key was made.
    ApiKeyCreate,
    /// An API key was revoked, one's own or anybody's.
    ApiKeyRevoke,
    /// An API key got a successor.
    ApiKeyRotate,
    /// The configuration was changed.
    ConfigUpdate,
    /// A package was deleted, or a version of one.
    PackageDelete,
    /// API keys were offered to the daemon that follows.
    KeysOffer,
    /// The daemon was asked to end.
    Shutdown,
    /// A request was carried to the registry.
    Registry,
}

impl Action {
    /// The word in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Credentials => "credentials",
            Self::Console => "console",
            Self::Grant => "grant",
            Self::GrantRevoke => "grant_revoke",
            Self::GatewaySetUp => "gateway_set_up",
            Self::GatewayUndo => "gateway_undo",
            Self::Login => "login",
            Self::WebLogin => "web_login",
            Self::Logout => "logout",
            Self::RegistryAccept => "registry_accept",
            Self::ApiKeySet => "api_key_set",
            Self::ApiKeyClear => "api_key_clear",
            Self::RoleSwitch => "role_switch",
            Self::ApiKeyCreate => "api_key_create",
            Self::ApiKeyRevoke => "api_key_revoke",
            Self::ApiKeyRotate => "api_key_rotate",
            Self::ConfigUpdate => "config_update",
            Self::PackageDelete => "package_delete",
            Self::KeysOffer => "keys_offer",
            Self::Shutdown => "shutdown",
            Self::Registry => "registry",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
