//! A session announces who it is: every login, logout, change of API key or of
//! role is told to whoever holds something of the one before.

use std::sync::Arc;

use tokio::sync::watch;

use crate::changes::Changes;

/// Who a session was at some time; differs after every login, logout, change
/// of API key or of role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Identity(u64);

/// What all sessions announce, together.
#[derive(Clone, Debug, Default)]
pub struct SessionEvents {
    /// Some session is somebody else now, or works again.
    pub identities: Changes,
    /// Something that is shown is different.
    pub changes: Changes,
}

/// The one place where a session's identity is told. Cheap to clone.
#[derive(Clone)]
pub(super) struct Announcer {
    identity: Arc<watch::Sender<Identity>>,
    events: SessionEvents,
}

impl Announcer {
    pub(super) fn new(events: SessionEvents) -> Self {
        Self {
            identity: Arc::new(watch::Sender::new(Identity(1))),
            events,
        }
    }

    /// Tells of every change from now on.
    pub(super) fn watch(&self) -> watch::Receiver<Identity> {
        self.identity.subscribe()
    }

    pub(super) fn current(&self) -> Identity {
        *self.identity.borrow()
    }

    /// The session is somebody else now.
    pub(super) fn change(&self) {
        self.identity.send_modify(|identity| identity.0 += 1);
        self.announce();
    }

    /// The session works again, or is somebody else.
    pub(super) fn announce(&self) {
        self.events.identities.announce();
        self.events.changes.announce();
    }

    pub(super) fn events(&self) -> &SessionEvents {
        &self.events
    }
}
