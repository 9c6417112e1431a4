//! What the audit log calls what was done.

/// What was asked for, as the audit log calls it: of an endpoint, which says so where
/// it is declared, or over loopback.
#[derive(Clone, Copy, Debug, derive_more::Display, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Action(&'static str);

impl Action {
    /// AWS credentials.
    pub const CREDENTIALS: Self = Self::new("credentials");
    /// A login, by code or finished in the browser.
    pub const LOGIN: Self = Self::new("login");
    /// An API key goes before the login.
    pub const API_KEY_SET: Self = Self::new("api_key_set");
    /// An API key was revoked, one's own or anybody's.
    pub const API_KEY_REVOKE: Self = Self::new("api_key_revoke");
    /// A request was carried to the registry.
    pub const REGISTRY: Self = Self::new("registry");

    /// That of a word in the log.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The word in the log.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}
