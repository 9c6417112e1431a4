//! API keys: the one in use, one's own, and for admins everybody's.

mod admin;
mod current;
mod error;
mod handed;
mod notice;
mod own;
mod rotate;

use std::sync::Arc;
use std::time::Duration;

pub use self::error::KeyError;
pub use self::handed::{HandedKey, HandoverError};
pub use self::notice::KeyNotice;
pub use self::own::Which;
use crate::clock::SharedClock;
use crate::credential::Vault;
use crate::session::Session;
use crate::stack::StackClient;
use tokio_util::task::TaskTracker;

/// How long an operation waits for a bearer token.
const PATIENCE: Duration = Duration::from_secs(10);

/// Manages keys.
pub struct Keys {
    stack: Arc<StackClient>,
    vault: Arc<Vault>,
    clock: SharedClock,
    tasks: TaskTracker,
    /// Two rotations at once would each leave the other's key behind.
    rotating: tokio::sync::Mutex<()>,
}

impl Keys {
    /// Over these services.
    pub fn new(
        stack: Arc<StackClient>,
        vault: Arc<Vault>,
        clock: SharedClock,
        tasks: TaskTracker,
    ) -> Self {
        Self {
            stack,
            vault,
            clock,
            tasks,
            rotating: tokio::sync::Mutex::default(),
        }
    }

    /// Drops what was obtained as somebody else: AWS credentials, and the
    /// connections whose buffers hold the old bearer token.
    pub fn flush(&self, session: &Session) {
        self.vault.flush(session.catalog());
        self.stack.forget_connections();
    }
}
