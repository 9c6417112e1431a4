//! Everybody's keys, for admins.

use quilt_proto::ApiKeyId;
use quilt_proto::wire::{ApiKey, ApiKeyFilter};

use super::own::{Which, not_found};
use super::{KeyError, Keys, PATIENCE};
use crate::session::{Session, SessionError};
use crate::stack::{Revoked, Scope, StackError};

impl Keys {
    /// Every key a filter lets through.
    pub async fn list_all(
        &self,
        session: &Session,
        filter: &ApiKeyFilter,
    ) -> Result<Vec<ApiKey>, KeyError> {
        let registry = session.registry().await?;
        // Not decisive: a refusal may be about the admin, not the session.
        let listing = session.authorized(PATIENCE, false, |bearer| {
            let registry = &registry;
            async move {
                self.stack
                    .api_keys(registry, &bearer.token, Scope::All, filter)
                    .await
            }
        });
        let outcome = listing.await;
        self.explained(session, outcome).await
    }

    /// One key of anybody.
    pub async fn any_key(&self, session: &Session, id: &ApiKeyId) -> Result<ApiKey, KeyError> {
        let registry = session.registry().await?;
        let reading = session.authorized(PATIENCE, false, |bearer| {
            let registry = &registry;
            async move {
                self.stack
                    .api_key(registry, &bearer.token, Scope::All, id)
                    .await
            }
        });
        let outcome = reading.await;
        let key = self.explained(session, outcome).await?;
        key.ok_or(KeyError::NotFound)
    }

    /// Revokes a key of anybody. If it is the one in use here, it is dropped.
    pub async fn revoke_any(&self, session: &Session, id: &ApiKeyId) -> Result<(), KeyError> {
        let registry = session.registry().await?;
        let revoking = session.authorized(PATIENCE, false, |bearer| {
            let registry = &registry;
            async move {
                self.stack
                    .revoke_api_key(registry, &bearer.token, Scope::All, Revoked::Id(id))
                    .await
            }
        });
        let outcome = revoking.await;
        let outcome = self.explained(session, outcome).await.map_err(not_found);
        if outcome.is_ok() {
            self.forget_revoked(session, &Which::Id(id.clone()), true)
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
            SessionError::Stack(StackError::Refused { .. } | StackError::Unauthorized { .. })
        );
        if is_refusal && let Some(registry) = session.known_registry() {
            let me = session.authorized(PATIENCE, true, |bearer| {
                let registry = &registry;
                async move { self.stack.me(registry, &bearer.token).await }
            });
            if !me.await?.is_admin {
                return Err(KeyError::NotAdmin(session.catalog().clone()));
            }
        }
        Err(error.into())
    }
}
