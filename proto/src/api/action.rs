//! What the audit log calls what was done.

macro_rules! actions {
    ($(#[doc = $meaning:literal] $variant:ident = $name:literal,)+) => {
        /// What was asked for, as the audit log calls it: of an endpoint, or over
        /// loopback.
        #[derive(Clone, Copy, Debug, derive_more::Display, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[display("{}", self.as_str())]
        #[non_exhaustive]
        pub enum Action {
            $(#[doc = $meaning] $variant,)+
        }

        impl Action {
            /// The word in the log.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

actions! {
    /// The bearer token.
    Token = "token",
    /// AWS credentials.
    Credentials = "credentials",
    /// A URL that signs in to the AWS console.
    Console = "console",
    /// A grant was made.
    Grant = "grant",
    /// A grant was taken back.
    GrantRevoke = "grant_revoke",
    /// The Python SDK was led to the daemon.
    GatewaySetUp = "gateway_set_up",
    /// The Python SDK's files were put back.
    GatewayUndo = "gateway_undo",
    /// A login, by code or finished in the browser.
    Login = "login",
    /// A login through the browser began.
    WebLogin = "web_login",
    /// A logout.
    Logout = "logout",
    /// The user agreed to a registry.
    RegistryAccept = "registry_accept",
    /// An API key goes before the login.
    ApiKeySet = "api_key_set",
    /// It does so no longer.
    ApiKeyClear = "api_key_clear",
    /// Another role is active.
    RoleSwitch = "role_switch",
    /// An API key was made.
    ApiKeyCreate = "api_key_create",
    /// An API key was revoked, one's own or anybody's.
    ApiKeyRevoke = "api_key_revoke",
    /// An API key got a successor.
    ApiKeyRotate = "api_key_rotate",
    /// The configuration was changed.
    ConfigUpdate = "config_update",
    /// A package was deleted, or a version of one.
    PackageDelete = "package_delete",
    /// API keys were offered to the daemon that follows.
    KeysOffer = "keys_offer",
    /// The daemon was asked to end.
    Shutdown = "shutdown",
    /// A request was carried to the registry.
    Registry = "registry",
}
