//! How a session can fail. No HTTP in here.

use quilt_proto::suggested_command::clause;
use quilt_proto::{CatalogUrl, RegistryHost, quoted};

use super::api_key::UnreadKey;
use super::key_origin::KeyMark;
use crate::clock::ClockSkew;
use crate::refresh::RefreshError;
use crate::stack::StackError;
use crate::token_store::StoreError;

/// Why a session gives no token, or a login did not come about.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SessionError {
    /// Nobody is logged in.
    #[error("not logged in to {0}")]
    LoggedOut(CatalogUrl),
    /// Nobody is logged in; there was an API key, which a restart forgot.
    #[error("the API key for {0} was forgotten when quiltd stopped: keys are kept in memory only")]
    KeyForgotten(CatalogUrl),
    /// Nobody is logged in; there is an API key, which could not be read at the
    /// start.
    #[error("{0}")]
    KeyUnread(UnreadKey),
    /// The stack ended the session.
    #[error("the session at {0} has ended")]
    Expired(CatalogUrl),
    /// A renewal was answered with another user's tokens, which are not used.
    #[error(
        "{catalog} answered the renewal of {} login with tokens of {}: they are not used, and the \
         login is over",
        login.as_ref().map_or("another user's".to_owned(), |it| format!("{}'s", quoted::name(it))),
        quoted::name(renewed)
    )]
    OtherUser {
        /// The catalog.
        catalog: CatalogUrl,
        /// Whose the login is, where that is known.
        login: Option<String>,
        /// Whose the tokens are.
        renewed: String,
    },
    /// The stack does not accept the API key; the text begins as the Python
    /// SDK's does.
    #[error(
        "Authentication failed. Check your credentials or API key. {catalog} refuses the key {key}"
    )]
    KeyRefused {
        /// The catalog it is used for.
        catalog: CatalogUrl,
        /// Which.
        key: Box<KeyMark>,
        /// Whether there is a login that counts once there is no key.
        login_beneath: bool,
    },
    /// A logout, or clearing the key, ended a login or key that was on its way.
    #[error("{0} was logged out of meanwhile: nothing was set")]
    Superseded(CatalogUrl),
    /// The stack refuses tokens that it has just issued: it may be unable to ask
    /// the company's own identity provider.
    #[error(
        "{catalog} has just renewed the login, and still does not accept it: {}; you stay \
         logged in, and quiltd tries again",
        clause(refusal)
    )]
    NotAccepted {
        /// The catalog.
        catalog: CatalogUrl,
        /// What its registry said.
        refusal: Box<StackError>,
    },
    /// What was pasted cannot be a code.
    #[error("that is not a login code: copy the whole code from the login page, and nothing else")]
    NotACode,
    /// The stack has no OAuth server where one is looked for.
    #[error("{0} does not offer a login through the browser alone")]
    NoConnect(CatalogUrl),
    /// The catalog names another registry than secrets went to so far.
    #[error("{catalog} names {}: nothing secret is sent there until you agree",
        match so_far {
            Some(so_far) => format!("another registry than before, {named} instead of {so_far}"),
            None => format!("{named} as its registry, and which one it was before was lost"),
        }
    )]
    RegistryChanged {
        /// The catalog.
        catalog: CatalogUrl,
        /// The registry's host now.
        named: RegistryHost,
        /// Its host so far; `None` where that was lost with a broken file.
        so_far: Option<String>,
    },
    /// The catalog names this daemon itself as its registry: it would ask itself
    /// without end, and as whoever is logged in elsewhere.
    #[error("{0} names this daemon itself as its registry")]
    RegistryIsHere(CatalogUrl),
    /// The user agreed to another host than the catalog names.
    #[error("{catalog} names {named} as its registry, not {accepted}")]
    OtherRegistry {
        /// The catalog.
        catalog: CatalogUrl,
        /// The registry's host now.
        named: RegistryHost,
        /// What the user agreed to.
        accepted: RegistryHost,
    },
    /// The user, or the stack for them, said no.
    #[error("the login was refused in the browser")]
    WebLoginDenied,
    /// Whoever brings a code cannot be told from another user.
    #[error(
        "this system does not tell whose a connection is, so a login through the browser alone \
         could be another user's"
    )]
    NoOwners(CatalogUrl),
    /// Nobody finished the login in the browser.
    #[error("the login was not finished in the browser in time")]
    WebLoginLate,
    /// Another login through the browser took the place of this one.
    #[error("too many logins through the browser were started after this one")]
    WebLoginReplaced,
    /// The system gives no random numbers.
    #[error("this machine gives no random numbers")]
    NoRandomness,
    /// The stack failed, or said no to something other than who we are.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// Tokens could not be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Tokens arrived already expired.
    #[error(transparent)]
    ClockSkew(#[from] ClockSkew),
    /// The logout is not stored: a restart would undo it.
    #[error("logged out, but not for good: {0}")]
    HalfLoggedOut(StoreError),
    /// The role is another one, but other daemons on the same store do not know.
    #[error("the role was switched, but another quiltd that shares this login does not know: {0}")]
    HalfSwitched(StoreError),
    /// The stack takes longer than the caller can wait; the attempt goes on.
    #[error("{0} takes too long to answer")]
    Slow(CatalogUrl),
    /// The daemon is stopping.
    #[error("quiltd is stopping")]
    Stopping,
}

impl SessionError {
    /// Whether a login is over by what its stack said.
    pub(super) fn is_end_of_login(&self) -> bool {
        matches!(self, Self::Expired(_) | Self::OtherUser { .. })
    }

    /// For how many seconds the stack is not to be asked again, where it said so.
    pub fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Stack(error) => error.retry_after(),
            _ => None,
        }
    }

    /// From the refresh of a token of `catalog`.
    pub(super) fn from_refresh(error: RefreshError<Self>, catalog: &CatalogUrl) -> Self {
        error.or(|| Self::Slow(catalog.clone()), || Self::Stopping)
    }
}
