//! One story of what a session becomes, the same in memory and in the store.
//!
//! Whatever changes it does so in its turn. A logout ends every login and key
//! that is still on its way, clearing the key every key: those remember when
//! they began, and find in their turn that they are too late.

use tokio::sync::{Mutex, MutexGuard, watch};

use super::{Session, SessionError};

/// How often a session was ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ends {
    logouts: u64,
    clears: u64,
}

/// When something began that is to change the session.
#[derive(Clone, Copy, Debug)]
pub struct Begun(Ends);

/// The order of what changes a session.
#[derive(Default)]
pub(super) struct Story {
    turn: Mutex<()>,
    /// One note of whether there is a key at a time.
    noting: Mutex<()>,
    ends: watch::Sender<Ends>,
}

impl Story {
    /// The right to change memory and store as one.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// The right to note whether there is a key, which waits for another file
    /// and keeps nothing else waiting.
    pub(super) async fn noting(&self) -> MutexGuard<'_, ()> {
        self.noting.lock().await
    }

    /// Ends every login and key under way.
    pub(super) fn end_all(&self) {
        self.ends.send_modify(|ends| ends.logouts += 1);
    }

    /// Ends every key under way.
    pub(super) fn end_keys(&self) {
        self.ends.send_modify(|ends| ends.clears += 1);
    }

    pub(super) fn begun(&self) -> Begun {
        Begun(*self.ends.borrow())
    }

    pub(super) fn is_login_over(&self, begun: Begun) -> bool {
        self.ends.borrow().logouts != begun.0.logouts
    }

    pub(super) fn is_key_over(&self, begun: Begun) -> bool {
        *self.ends.borrow() != begun.0
    }
}

impl Session {
    /// Marks the beginning of a login, or of setting a key.
    pub fn begun(&self) -> Begun {
        self.story.begun()
    }

    /// Returns once a login that began then has been ended by a logout.
    pub async fn login_ended(&self, begun: Begun) -> SessionError {
        let mut ends = self.story.ends.subscribe();
        // The sender lives as long as the session.
        let _ = ends.wait_for(|ends| ends.logouts != begun.0.logouts).await;
        self.overtaken()
    }

    /// The same for setting a key, which is also ended by clearing the key.
    pub async fn key_ended(&self, begun: Begun) -> SessionError {
        let mut ends = self.story.ends.subscribe();
        let _ = ends.wait_for(|ends| *ends != begun.0).await;
        self.overtaken()
    }

    pub(super) fn overtaken(&self) -> SessionError {
        SessionError::Overtaken(self.catalog.clone())
    }
}
