//! What other daemons on the same store did: noticed at the next request, by a
//! look at the store's stamp, and never by polling.

use std::time::Duration;

use super::{Session, Sessions};
use crate::token_store::{Record, StoreError};

/// How long a request waits for what is new. A store that takes longer hangs: what is
/// held counts until it answers.
const TIMEOUT: Duration = Duration::from_secs(2);

impl Sessions {
    /// Brings every session in line with the store, if another process may
    /// have changed it.
    pub async fn sync_with_store(&self) {
        if !self.has_store_changed() {
            return;
        }
        match tokio::time::timeout(TIMEOUT, self.sync()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("cannot see what another quiltd stored: {error}"),
            Err(_) => tracing::warn!("the token store takes too long to say what is new"),
        }
    }

    fn has_store_changed(&self) -> bool {
        let stamp = self.dependencies.store.stamp();
        stamp.is_some_and(|stamp| *self.seen.lock() != Some(stamp))
    }

    async fn sync(&self) -> Result<(), StoreError> {
        let _turn = self.following.lock().await;
        if !self.has_store_changed() {
            return Ok(());
        }
        // Looked at before it is read: what is written in between is seen the
        // next time.
        let stamp = self.dependencies.store.stamp();
        let document = self.dependencies.store.look().await?;
        for catalog in document.sessions.keys() {
            self.session(catalog);
        }
        for session in self.all() {
            let record = document.sessions.get(session.catalog());
            if differs_from(&session, record) {
                sync(&session).await?;
            }
        }
        *self.seen.lock() = stamp;
        Ok(())
    }
}

/// Whether what is stored of this session is not what is here.
fn differs_from(session: &Session, record: Option<&Record>) -> bool {
    let over = is_over(session);
    let state = session.state.lock();
    match (&state.login, record) {
        (None, None) => false,
        (Some(login), Some(record)) => {
            login.id != record.login_id
                || login.role_switches != record.role_switches
                || over != record.ended
        }
        _ => true,
    }
}

/// Takes over what is stored of this session, in its turn: what is logged
/// in or out of here meanwhile is no news.
async fn sync(session: &Session) -> Result<(), StoreError> {
    let _turn = session.epochs.lock().await;
    let mut document = session.dependencies.store.look().await?;
    apply_record(session, document.sessions.remove(&session.catalog));
    Ok(())
}

/// An API key stays where it was set.
fn apply_record(session: &Session, record: Option<Record>) {
    session.source.drop_if_replaced(record.as_ref());
    if session.source.has_unsaved_login() {
        return;
    }
    let (login, forgotten) = {
        let state = session.state.lock();
        let login = state.login.as_ref();
        let login = login.map(|login| (login.id.clone(), login.role_switches));
        (login, state.logged_out_id.clone())
    };
    match (login, record) {
        (None, Some(record)) if forgotten.as_ref() != Some(&record.login_id) => {
            tracing::info!(catalog = %session.catalog, "another quiltd logged in");
            session.resume(record);
        }
        (None, _) => {}
        (Some(_), None) => {
            tracing::info!(catalog = %session.catalog, "another quiltd logged out");
            session.end();
        }
        (Some((id, _)), Some(record)) if id != record.login_id => {
            tracing::info!(catalog = %session.catalog, "another quiltd logged in anew");
            session.resume(record);
        }
        (Some((id, switches)), Some(record)) => apply_same_login(session, &id, switches, record),
    }
}

/// Whether the stack ended the login in use.
fn is_over(session: &Session) -> bool {
    let error = session.tokens.snapshot().last_error;
    error.is_some_and(|error| error.is_end_of_login())
}

/// The same login: it may have ended or come back, or act in another role.
fn apply_same_login(session: &Session, id: &str, switches: u64, record: Record) {
    match (is_over(session), record.ended) {
        (false, true) => {
            session.end_by_stack(&record);
            session.change_identity();
        }
        (true, false) => {
            tracing::info!(catalog = %session.catalog, "another quiltd has the session back");
            session.resume(record);
        }
        _ if record.role_switches > switches => {
            if let Some(login) = &mut session.state.lock().login
                && login.id == id
            {
                login.role_switches = record.role_switches;
            }
            tracing::info!(catalog = %session.catalog, "another quiltd switched the role");
            session.change_identity();
        }
        _ => {}
    }
}
