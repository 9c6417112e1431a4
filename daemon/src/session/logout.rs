//! Logging out: what is here and in the store is forgotten, and revoked where
//! the stack can. Logins and keys that are on their way end, too (`epoch.rs`).

use std::sync::Arc;
use std::time::Duration;

use super::{Session, SessionError, known_user};
use crate::stack;
use crate::token_store::{Document, LoginMethod, Record, Reservation};

/// How long a logout waits for the stack to revoke.
const REVOKE_TIMEOUT: Duration = Duration::from_secs(3);

/// Forgets login and API key, here and in the store, and revokes the
/// login where the stack can. Ends logins and keys that are on their way.
/// Answers whether a stack that can revoke it was told.
pub async fn log_out(session: &Arc<Session>) -> Result<bool, SessionError> {
    session.epochs.end_logins_and_keys();
    let login_in_use = session.login_id().filter(|_| !session.api_key().is_set());
    // At once, whatever the store is waited for: nobody uses them any more.
    session.clear_key();
    session.end();
    let owned = Arc::clone(session);
    let forgetting = async move {
        if let Some(login_id) = login_in_use {
            known_user::remember_last(&owned, &login_id).await;
        }
        forget(&owned).await
    };
    session
        .change(forgetting, SessionError::HalfLoggedOut)
        .await
}

async fn forget(session: &Session) -> Result<bool, SessionError> {
    // A login that was being stored meanwhile is ended as well.
    let turn = session.epochs.lock().await;
    session.end();
    drop(turn);
    // Should the note of it be lost, the record still knew.
    if let Ok(Some(registry)) = session.registry_trust().known().await {
        session.registry_trust().settle(Some(&registry), &registry);
    }
    let turn = session.epochs.lock().await;
    session.clear_key();
    session.source.forget();
    session.end();
    let remove = |document: &mut Document| document.sessions.remove(&session.catalog);
    let store = &session.dependencies.store;
    let removed = store.update(Reservation::default(), remove).await;
    let elsewhere = store.log_out_elsewhere(&session.catalog).await;
    let ended = removed.as_ref().err().or(elsewhere.as_ref().err());
    let ended = ended.map_or(Ok(()), |error| Err(error.clone()));
    let ended = ended.map_err(SessionError::HalfLoggedOut);
    session.state.lock().unstored_logout = ended.as_ref().err().map(ToString::to_string);
    drop(turn);
    session.note_key();
    let mut is_told = true;
    for record in [removed, elsewhere].into_iter().flatten().flatten() {
        is_told &= revoke(session, &record).await;
    }
    ended.map(|()| is_told)
}

/// Revokes a login. Best effort: its tokens are gone from here in any case. Answers
/// whether a stack that can do it was told.
pub(super) async fn revoke(session: &Session, record: &Record) -> bool {
    let LoginMethod::OAuth {
        client_id,
        revocation_endpoint: Some(endpoint),
        ..
    } = &record.method
    else {
        return true;
    };
    let revoking = stack::tokens::revoke(
        &session.dependencies.stack,
        endpoint,
        client_id,
        &record.refresh_token,
    );
    match tokio::time::timeout(REVOKE_TIMEOUT, revoking).await {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => tracing::warn!("the stack did not revoke the login: {error}"),
        Err(_) => tracing::warn!("the stack did not revoke the login in time"),
    }
    false
}
