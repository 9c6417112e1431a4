//! How an operation on keys can fail. No HTTP in here.

use quilt_proto::suggested_command::clause;
use quilt_proto::wire::bad_key_lifetime;
use quilt_proto::{CatalogUrl, NameError, Quoted};

use crate::session::SessionError;
use crate::stack::StackError;

/// Why an operation on keys did not come about.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The session below it, or the stack.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The stack refuses a key that was to be set; what was in use stays.
    #[error(transparent)]
    NotSet(SessionError),
    /// What was given is no key, or no id of one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A key needs a name.
    #[error("an API key needs a name of 1 to 200 characters")]
    NoName,
    /// Outside of what stacks grant.
    #[error("{}", bad_key_lifetime())]
    Lifetime,
    /// The user has no such key.
    #[error("there is no such API key")]
    NotFound,
    /// No key is in use.
    #[error("no API key is in use at {0}")]
    NoKey(CatalogUrl),
    /// The stack lists no key, or several, with the fingerprint of the one in use.
    #[error("the stack does not say which of your API keys is in use here; rotate it by its id")]
    Unidentified,
    /// Only admins may.
    #[error("only an admin of {0} may do that")]
    NotAdmin(CatalogUrl),
    /// A rotation now could leave more than two keys behind.
    #[error(
        "other active API keys are named {name} as well, as an interrupted rotation leaves them: \
         revoke the one that is not used ({}) first", ids.join(", ")
    )]
    SameName {
        /// Their name.
        name: Quoted,
        /// Their ids.
        ids: Vec<String>,
    },
    /// A new key did not work, and was revoked again.
    #[error("the new API key does not work, nothing was changed: {0}")]
    Useless(StackError),
    /// A new key is of no use, and could not be revoked again.
    #[error(
        "{}; the new API key {id}, named {name}, could not be revoked again, and its secret is \
         lost",
        clause(cause)
    )]
    LeftBehind {
        /// Why it is of no use.
        cause: Box<Self>,
        /// Its id, as the stack has it.
        id: String,
        /// Its name.
        name: Quoted,
    },
    /// Somebody logged in, or another key was set, in the middle of a rotation.
    #[error("somebody else is logged in to {0} since the rotation began: nothing was changed")]
    Meanwhile(CatalogUrl),
    /// The connection was lost while a key was made.
    #[error(
        "{}; an API key named {name} may have been made, whose secret is lost",
        clause(source)
    )]
    PerhapsMade {
        /// The name it would have.
        name: Quoted,
        /// What was lost.
        source: StackError,
    },
}

impl From<StackError> for KeyError {
    fn from(error: StackError) -> Self {
        Self::from(SessionError::from(error))
    }
}
