//! What other daemons on the same store did: noticed at the next request, by a
//! look at the store's stamp, and never by polling.

use std::sync::Arc;
use std::time::Duration;

use super::{Session, SessionError, Sessions};
use crate::store::{Document, Record, StoreError};

/// How long a request waits for news. A store that takes longer hangs: what is
/// held counts until it answers.
const PATIENCE: Duration = Duration::from_secs(2);

impl Sessions {
    /// Brings every session in line with the store, if another process may
    /// have changed it. Answers those that are somebody else's now: what was
    /// obtained for them is to be dropped.
    pub async fn follow_store(&self) -> Vec<Arc<Session>> {
        if !self.has_news() {
            return Vec::new();
        }
        match tokio::time::timeout(PATIENCE, self.take_up_news()).await {
            Ok(Ok(changed)) => changed,
            Ok(Err(error)) => {
                tracing::warn!("cannot see what another quiltd stored: {error}");
                Vec::new()
            }
            Err(_) => {
                tracing::warn!("the token store takes too long to say what is new");
                Vec::new()
            }
        }
    }

    fn has_news(&self) -> bool {
        let stamp = self.parts.store.stamp();
        stamp.is_some_and(|stamp| *self.seen() != Some(stamp))
    }

    async fn take_up_news(&self) -> Result<Vec<Arc<Session>>, StoreError> {
        let _turn = self.following.lock().await;
        if !self.has_news() {
            return Ok(Vec::new());
        }
        // Looked at before it is read: what is written in between is seen the
        // next time.
        let stamp = self.parts.store.stamp();
        let document = self.parts.store.load().await?;
        let changed = self.apply(document);
        *self.seen() = stamp;
        Ok(changed)
    }

    fn apply(&self, mut document: Document) -> Vec<Arc<Session>> {
        for catalog in document.sessions.keys() {
            self.session(catalog);
        }
        let mut changed = self.all();
        changed.retain(|session| {
            let record = document.sessions.remove(session.catalog());
            session.follow_record(record)
        });
        changed
    }
}

impl Session {
    /// Takes over what is stored of this session; answers whether it is
    /// somebody else's now, or nobody's. An API key stays where it was set.
    fn follow_record(&self, record: Option<Record>) -> bool {
        if self.source.has_unsaved_login() {
            return false;
        }
        let (login, forgotten) = {
            let state = self.state();
            let login = state.login.as_ref();
            let login = login.map(|login| (login.id.clone(), login.role_switches));
            (login, state.forgotten.clone())
        };
        match (login, record) {
            (None, None) => false,
            (None, Some(record)) => {
                let is_new = forgotten.as_ref() != Some(&record.login_id);
                if is_new {
                    tracing::info!(catalog = %self.catalog, "another quiltd logged in");
                    self.resume(record);
                }
                is_new
            }
            (Some(_), None) => {
                tracing::info!(catalog = %self.catalog, "another quiltd logged out");
                self.end();
                true
            }
            (Some((id, _)), Some(record)) if id != record.login_id => {
                tracing::info!(catalog = %self.catalog, "another quiltd logged in anew");
                self.resume(record);
                true
            }
            (Some((id, switches)), Some(record)) => self.follow_login(&id, switches, &record),
        }
    }

    /// The same login: it may have ended, or act in another role.
    fn follow_login(&self, id: &str, switches: u64, record: &Record) -> bool {
        let is_over = matches!(
            self.tokens.snapshot().last_error,
            Some(SessionError::Expired(_))
        );
        if record.ended && !is_over {
            let expired = SessionError::Expired(self.catalog.clone());
            self.tokens.kill(expired);
            self.change_identity();
            return true;
        }
        if record.role_switches <= switches {
            return false;
        }
        if let Some(login) = &mut self.state().login
            && login.id == id
        {
            login.role_switches = record.role_switches;
        }
        tracing::info!(catalog = %self.catalog, "another quiltd switched the role");
        self.change_identity();
        true
    }

    /// The login in use, API keys aside.
    pub(super) fn login_id(&self) -> Option<String> {
        self.state().login.as_ref().map(|login| login.id.clone())
    }
}
