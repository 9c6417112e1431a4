//! The epochs of a session: what was begun in one that is over changes nothing
//! any more.
//!
//! A logout ends the epoch of every login and key that is still on its way,
//! clearing the key that of every key: those remember when they began, and find
//! under the lock that they were superseded. So memory and store tell the same.

use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, watch};
use tokio::time::timeout;

use super::{Session, SessionError};
use crate::token_store::StoreError;

/// How long whoever changes a session waits for that: longer than for one lock,
/// and not for everybody who came before.
const CHANGED: Duration = Duration::from_secs(25);

/// When something began that is to change the session: by how often the session
/// had been ended until then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Epoch {
    logouts: u64,
    cleared_keys: u64,
}

/// The current epoch of a session, and the lock under which it is changed.
#[derive(Default)]
pub(super) struct Epochs {
    lock: Mutex<()>,
    /// Only one task at a time notes whether there is a key.
    key_note: parking_lot::Mutex<()>,
    current: watch::Sender<Epoch>,
}

impl Epochs {
    /// The right to change memory and store as one. Nobody has it for longer than
    /// the store's lock is waited for, and whoever asked for the change waits no
    /// longer than that ([`Session::change`]).
    pub(super) async fn lock(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().await
    }

    /// The right to note whether there is a key.
    pub(super) fn lock_key_note(&self) -> parking_lot::MutexGuard<'_, ()> {
        self.key_note.lock()
    }

    /// Ends every login and key under way.
    pub(super) fn end_logins_and_keys(&self) {
        self.current.send_modify(|epoch| epoch.logouts += 1);
    }

    /// Ends every key under way.
    pub(super) fn end_keys(&self) {
        self.current.send_modify(|epoch| epoch.cleared_keys += 1);
    }

    pub(super) fn current(&self) -> Epoch {
        *self.current.borrow()
    }

    pub(super) fn is_login_superseded(&self, begun: Epoch) -> bool {
        self.current().logouts != begun.logouts
    }

    pub(super) fn is_key_superseded(&self, begun: Epoch) -> bool {
        self.current() != begun
    }
}

impl Session {
    /// Marks the beginning of a login, or of setting a key.
    pub fn epoch(&self) -> Epoch {
        self.epochs.current()
    }

    /// Returns once a login that began then has been ended by a logout.
    pub async fn login_superseded(&self, begun: Epoch) -> SessionError {
        let mut current = self.epochs.current.subscribe();
        // The sender lives as long as the session.
        let _ = current
            .wait_for(|epoch| epoch.logouts != begun.logouts)
            .await;
        self.superseded()
    }

    /// The same for setting a key, which is also ended by clearing the key.
    pub async fn key_superseded(&self, begun: Epoch) -> SessionError {
        let mut current = self.epochs.current.subscribe();
        let _ = current.wait_for(|epoch| *epoch != begun).await;
        self.superseded()
    }

    /// Changes the session, for as long as that takes. Whoever asked for it is told
    /// what is waited for, if that is too long.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T, SessionError>> + Send + 'static,
        late: impl FnOnce(StoreError) -> SessionError,
    ) -> Result<T, SessionError> {
        let changing = self.dependencies.tasks.spawn(change);
        if let Ok(changed) = timeout(CHANGED, changing).await {
            return changed.unwrap_or(Err(SessionError::Stopping));
        }
        let busy = || self.dependencies.store.busy();
        Err(late(self.waits_for().unwrap_or_else(busy)))
    }

    pub(super) fn superseded(&self) -> SessionError {
        SessionError::Superseded(self.catalog.clone())
    }
}
