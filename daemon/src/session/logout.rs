//! Logging out: what is here and in the store is forgotten, and revoked where
//! the stack can. Logins and keys that are on their way end, too (`epoch.rs`).

use std::sync::Arc;
use std::time::Duration;

use super::{Session, SessionError};
use crate::token_store::{Document, LoginMethod, Record, Reservation};

/// How long a logout waits for the stack to revoke.
const REVOKE_TIMEOUT: Duration = Duration::from_secs(3);

impl Session {
    /// Forgets login and API key, here and in the store, and revokes the
    /// login where the stack can. Ends logins and keys that are on their way.
    pub async fn logout(self: &Arc<Self>) -> Result<(), SessionError> {
        self.epochs.end_logins_and_keys();
        // At once, whatever the store is waited for: nobody uses them any more.
        self.clear_key();
        self.end();
        let session = Arc::clone(self);
        let forgetting = async move { session.forget().await };
        self.change(forgetting, SessionError::HalfLoggedOut).await
    }

    async fn forget(&self) -> Result<(), SessionError> {
        // A login that was being stored meanwhile is ended as well.
        let turn = self.epochs.lock().await;
        self.end();
        drop(turn);
        // Should the note of it be lost, the record still knew.
        if let Ok(Some(registry)) = self.known_registry().await {
            self.trust_registry(&registry);
        }
        let turn = self.epochs.lock().await;
        self.clear_key();
        self.source.forget();
        self.end();
        let remove = |document: &mut Document| document.sessions.remove(&self.catalog);
        let store = &self.dependencies.store;
        let removed = store.update(Reservation::default(), remove).await;
        let elsewhere = store.log_out_elsewhere(&self.catalog).await;
        let ended = removed.as_ref().err().or(elsewhere.as_ref().err());
        let ended = ended.map_or(Ok(()), |error| Err(error.clone()));
        let ended = ended.map_err(SessionError::HalfLoggedOut);
        self.state.lock().unstored_logout = ended.as_ref().err().map(ToString::to_string);
        drop(turn);
        self.note_key();
        for record in [removed, elsewhere].into_iter().flatten().flatten() {
            self.revoke(&record).await;
        }
        ended
    }

    /// Ends the login here. It is not taken up again from the store.
    pub(super) fn end(&self) {
        {
            let mut state = self.state.lock();
            state.refusal_backoff = None;
            state.logged_out_id = state
                .login
                .take()
                .map(|login| login.id)
                .or(state.logged_out_id.take());
        }
        self.tokens
            .invalidate(SessionError::LoggedOut(self.catalog.clone()));
        self.change_identity();
    }

    /// Revokes a login. Best effort: its tokens are gone from here in any case.
    pub(super) async fn revoke(&self, record: &Record) {
        let LoginMethod::OAuth {
            client_id,
            revocation_endpoint: Some(endpoint),
            ..
        } = &record.method
        else {
            return;
        };
        let revoking =
            self.dependencies
                .stack
                .oauth_revoke(endpoint, client_id, &record.refresh_token);
        match tokio::time::timeout(REVOKE_TIMEOUT, revoking).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("the stack did not revoke the login: {error}"),
            Err(_) => tracing::warn!("the stack did not revoke the login in time"),
        }
    }
}
