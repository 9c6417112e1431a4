//! A bearer token and whose it is.

use std::time::Duration;

use quilt_proto::wire::TokenKind;
use quilt_proto::{RegistryUrl, Secret, Timestamp};

use super::Identity;
use super::token_rotation::AccessToken;
use crate::stack::{RegistryClient, StackClient};

/// How long a caller who waits for an answer waits for a token that has to be
/// fetched first.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a fetch of credentials, which goes on without its caller, waits for
/// one.
pub const FETCH_TIMEOUT: Duration = Duration::from_secs(30);

/// A token for `Authorization: Bearer`, and where it may be sent.
#[derive(Clone, Debug)]
pub struct Bearer {
    /// The token.
    pub token: Secret,
    /// The registry it is good at. It is sent nowhere else.
    pub registry: RegistryUrl,
    /// When it stops working; an API key does not say.
    pub expires_at: Option<Timestamp>,
    /// Where it comes from.
    pub kind: TokenKind,
    /// Whose it is.
    pub identity: Identity,
    /// It was taken up from the store, not just issued by the stack.
    pub is_from_store: bool,
}

impl Bearer {
    /// Its registry, asked with it.
    pub fn at<'a>(&'a self, stack: &'a StackClient) -> RegistryClient<'a> {
        stack.registry(&self.registry, &self.token)
    }

    pub(super) fn of_login(token: AccessToken, identity: Identity) -> Self {
        Self {
            token: token.token,
            registry: token.registry,
            expires_at: Some(token.expires_at),
            kind: TokenKind::Interactive,
            identity,
            is_from_store: token.is_from_store,
        }
    }
}
