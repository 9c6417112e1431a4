//! Everybody's keys, for admins.

use quilt_proto::ApiKeyId;

use super::user_keys::not_found;
use super::{KeyError, KeySelector, Keys, TIMEOUT};
use crate::session::{Session, SessionError};
use crate::stack::{Scope, StackError};

impl Keys {
    /// Revokes a key of anybody. If it is the one in use here, it is dropped.
    pub async fn revoke_any(&self, session: &Session, id: ApiKeyId) -> Result<(), KeyError> {
        let which = &KeySelector::Id(id);
        let revoking = session.authorized(TIMEOUT, false, |bearer| async move {
            let registry = bearer.at(&self.stack);
            registry.revoke_api_key(Scope::All, which).await
        });
        let outcome = revoking.await;
        let outcome = self.explained(session, Scope::All, outcome).await;
        let outcome = outcome.map_err(not_found);
        if outcome.is_ok() {
            self.forget_revoked(session, which, true).await;
        }
        outcome
    }

    /// Says it plainly where the refusal is because the user is no admin.
    pub(super) async fn explained<T>(
        &self,
        session: &Session,
        scope: Scope,
        outcome: Result<T, SessionError>,
    ) -> Result<T, KeyError> {
        let error = match outcome {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let is_refusal = matches!(
            error,
            SessionError::Stack(
                StackError::Refused { .. }
                    | StackError::Unauthorized { .. }
                    | StackError::Forbidden { .. }
            )
        );
        if scope == Scope::All && is_refusal && !session.me(TIMEOUT).await?.is_admin {
            return Err(KeyError::NotAdmin(session.catalog().clone()));
        }
        Err(error.into())
    }
}
