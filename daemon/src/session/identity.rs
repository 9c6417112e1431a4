//! A session announces who it is: every login, logout, change of API key or of
//! role is told to whoever holds something of the one before.

use std::sync::Arc;

use tokio::sync::watch;

use super::Identity;
use crate::changes::Changes;

/// What all sessions announce, together.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// Some session is somebody else now, or works again.
    pub identities: Changes,
    /// Something that is shown is different.
    pub changes: Changes,
}

/// The one place where a session's identity is told. Cheap to clone.
#[derive(Clone)]
pub(super) struct Announcer {
    identity: Arc<watch::Sender<Identity>>,
    news: News,
}

impl Announcer {
    pub(super) fn new(news: News) -> Self {
        Self {
            identity: Arc::new(watch::Sender::new(Identity(1))),
            news,
        }
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
        self.news.identities.announce();
        self.news.changes.announce();
    }

    pub(super) fn news(&self) -> &News {
        &self.news
    }
}
