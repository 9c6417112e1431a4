//! Looks after the key in use: one that the stack refuses, or could not be
//! asked about, is asked about again without anybody's doing.

use std::sync::Arc;

use super::Keys;
use crate::session::{KeySerial, Session, SessionError};
use crate::stack::StackError;

/// For as long as the key in use is that.
pub(super) fn start(keys: &Arc<Keys>, session: &Arc<Session>) {
    let (keys, session) = (Arc::clone(keys), Arc::clone(session));
    let serial = session.api_key().serial();
    session.note_key();
    // Not among the tasks a stopping daemon waits for.
    tokio::spawn(async move {
        while let Some(due) = session.api_key().next_check(serial).await {
            keys.clock.sleep_until(due).await;
            // It may have been put off, or replaced.
            if session.api_key().next_check(serial).await == Some(due) {
                recheck(&keys, &session, serial).await;
            }
        }
        session.note_key();
    });
}

/// Asks the stack about the key in use.
pub(super) async fn recheck(keys: &Keys, session: &Session, serial: KeySerial) {
    match check(keys, session, serial).await {
        Ok(()) | Err(SessionError::KeyRefused { .. }) => {}
        Err(error) => {
            tracing::debug!("cannot check the API key yet: {error}");
            let now = keys.clock.now();
            session
                .api_key()
                .unanswered(serial, now, error.retry_after());
        }
    }
}

async fn check(keys: &Keys, session: &Session, serial: KeySerial) -> Result<(), SessionError> {
    let Some(bearer) = session.key_to_check(serial).await? else {
        return Ok(());
    };
    match keys.check_upstream(&bearer.registry, &bearer.token).await {
        Ok(info) => {
            session.key_accepted(&bearer);
            session.api_key().set_info(&bearer.token, info);
            Ok(())
        }
        Err(StackError::Unauthorized { .. }) => Err(session.key_rejected(&bearer)),
        Err(error) => Err(error.into()),
    }
}
