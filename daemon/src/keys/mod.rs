//! API keys: the one in use, one's own, and for admins everybody's.

mod admin;
mod environment_scrub;
mod error;
pub mod key_diagnostic;
mod key_ends_soon;
mod key_recheck_task;
pub mod key_successor;
mod key_turns;
mod set_key;
mod startup_key;
mod startup_keys_of_catalogs;
pub mod unchecked_key;
mod user_keys;

use std::sync::Arc;
use std::time::Duration;

pub use self::error::KeyError;
pub use self::key_diagnostic::KeyDiagnostic;
pub use self::key_turns::KeyTurns;
pub use self::startup_key::{StartupKey, StartupKeyError};
pub use self::startup_keys_of_catalogs::{StartupKeys, StartupSource};
use crate::clock::SharedClock;
pub use crate::stack::KeySelector;
use crate::stack::StackClient;
use quilt_proto::{CatalogUrl, Command};
use tokio_util::task::TaskTracker;

/// How long an operation waits for a bearer token.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Sets an API key for a catalog.
pub fn new_key(catalog: &CatalogUrl) -> Command {
    Command::of("quiltctl login --api-key").option("--catalog", catalog)
}

/// Manages keys.
pub struct Keys {
    stack: Arc<StackClient>,
    clock: SharedClock,
    tasks: TaskTracker,
    /// Whether they are changed, or offered to the next daemon.
    pub turns: KeyTurns,
    /// Two rotations at once would each leave the other's key behind.
    rotating: tokio::sync::Mutex<()>,
}

impl Keys {
    /// Over these services.
    pub fn new(stack: Arc<StackClient>, clock: SharedClock, tasks: TaskTracker) -> Self {
        Self {
            stack,
            clock,
            tasks,
            turns: KeyTurns::default(),
            rotating: tokio::sync::Mutex::default(),
        }
    }
}
