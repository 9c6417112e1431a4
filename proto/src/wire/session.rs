//! Login, logout and the bearer token.

use serde::{Deserialize, Serialize};

use super::Me;
use crate::{CatalogUrl, RegistryHost, RegistryUrl, Secret, Timestamp};

/// `POST /v1/session`: the code the stack's login page showed. It is a
/// long-lived secret (a refresh token).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LoginCode {
    /// The code, surrounding white space allowed.
    pub code: Secret,
    /// The registry's host, where it is another one than before and the user
    /// agreed to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept_registry: Option<RegistryHost>,
    /// The host of the registry whose login page was shown, where one was: the code
    /// goes to no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_registry: Option<RegistryHost>,
}

/// `DELETE /v1/session`: what is left of a login that was forgotten here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoggedOut {
    /// Catalogs whose stack could not be told that the login has ended: whoever has
    /// its tokens can use them for as long as they are good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unrevoked: Vec<CatalogUrl>,
}

/// `PUT /v1/session/registry`: the user agrees to where the catalog says that
/// its registry is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RegistryAcceptance {
    /// The host that the catalog names.
    pub accept_registry: RegistryHost,
}

/// `GET /v1/session`: where a login stands, and after one, whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Session {
    /// The catalog.
    pub catalog_url: CatalogUrl,
    /// Its registry, where known.
    pub registry_url: Option<RegistryUrl>,
    /// The page that shows a login code, where the registry is known.
    pub login_url: Option<String>,
    /// The session itself.
    #[serde(flatten)]
    pub status: super::SessionStatus,
    /// After a login: whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub me: Option<Me>,
    /// After a login: why the stack could not be asked whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub me_error: Option<String>,
    /// After a login: who was logged in there before, if that was, or may have been,
    /// somebody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_user: Option<String>,
    /// Whether this login made the catalog the configured one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub configured: bool,
    /// After a login: what keeps it from being what counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<super::Finding>,
}

/// `GET /v1/token`: a bearer token, fresh for at least a minute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Token {
    /// The token, for `Authorization: Bearer …`.
    pub token: Secret,
    /// When it stops working; null for API keys.
    pub expires_at: Option<Timestamp>,
    /// Where it comes from.
    pub kind: TokenKind,
}

/// Where a bearer token comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// An interactive login.
    Interactive,
    /// An API key.
    ApiKey,
}

/// `POST /v1/session/web`: a login through the browser has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WebLogin {
    /// The page to open in a browser on this machine: the daemon's own, which
    /// leads on to the stack's. Good for nothing in another user's hands.
    pub start_url: String,
    /// Names the login in `GET /v1/session/web/{id}`.
    pub id: String,
    /// When the daemon gives up waiting.
    pub expires_at: Timestamp,
}

/// `GET /v1/session/web/{id}`: how far such a login is. One that failed is
/// answered with the error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WebLoginState {
    /// How far.
    pub progress: WebLoginProgress,
    /// The session, once it is there.
    #[serde(flatten)]
    pub session: Option<Session>,
}

/// How far a login through the browser is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WebLoginProgress {
    /// The browser has not come back yet; ask again.
    Pending,
    /// Logged in.
    Done,
}
