//! Everybody's keys, for admins.

use quilt_proto::ApiKeyId;
use quilt_proto::wire::{ApiKey, ApiKeyFilter};

use super::user_keys::{KeySelector, not_found};
use super::{KeyError, Keys, TIMEOUT};
use crate::session::{Session, SessionError};
use crate::stack::{self, Revoked, Scope, StackError};

impl Keys {
    /// Every key a filter lets through.
    pub async fn list_all(
        &self,
        session: &Session,
        filter: &ApiKeyFilter,
    ) -> Result<Vec<ApiKey>, KeyError> {
        // Not decisive: a refusal may be about the admin, not the session.
        let listing = session.authorized(TIMEOUT, false, |bearer| async move {
            stack::api_keys::list(
                &self.stack,
                &bearer.registry,
                &bearer.token,
                Scope::All,
                filter,
            )
            .await
        });
        let outcome = listing.await;
        self.explained(session, outcome).await
    }

    /// One key of anybody.
    pub async fn any_key(&self, session: &Session, id: &ApiKeyId) -> Result<ApiKey, KeyError> {
        let reading = session.authorized(TIMEOUT, false, |bearer| async move {
            stack::api_keys::get(&self.stack, &bearer.registry, &bearer.token, Scope::All, id).await
        });
        let outcome = reading.await;
        let key = self.explained(session, outcome).await?;
        key.ok_or(KeyError::NotFound)
    }

    /// Revokes a key of anybody. If it is the one in use here, it is dropped.
    pub async fn revoke_any(&self, session: &Session, id: &ApiKeyId) -> Result<(), KeyError> {
        let revoking = session.authorized(TIMEOUT, false, |bearer| async move {
            let revoked = Revoked::Id(id);
            stack::api_keys::revoke(
                &self.stack,
                &bearer.registry,
                &bearer.token,
                Scope::All,
                revoked,
            )
            .await
        });
        let outcome = revoking.await;
        let outcome = self.explained(session, outcome).await.map_err(not_found);
        if outcome.is_ok() {
            self.forget_revoked(session, &KeySelector::Id(id.clone()), true)
                .await;
        }
        outcome
    }

    /// Says it plainly where the refusal is because the user is no admin.
    async fn explained<T>(
        &self,
        session: &Session,
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
        if is_refusal {
            let me = session.authorized(TIMEOUT, true, |bearer| async move {
                stack::me::get(&self.stack, &bearer.registry, &bearer.token).await
            });
            if !me.await?.is_admin {
                return Err(KeyError::NotAdmin(session.catalog().clone()));
            }
        }
        Err(error.into())
    }
}
