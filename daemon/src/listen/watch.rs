//! Notices that the socket's file is gone: nobody can reach a daemon without
//! it, while its lock keeps the next one from starting.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// How often to look.
const INTERVAL: Duration = Duration::from_secs(2);

/// A socket file as it was made.
#[derive(Debug)]
pub struct Watch {
    pub(super) path: PathBuf,
    pub(super) inode: u64,
}

impl Watch {
    /// Cancels `shutdown` once the file is deleted or replaced, its directory
    /// included; ends with `shutdown`.
    pub async fn stop_when_lost(self, shutdown: CancellationToken) {
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            if let Some(what) = self.lost() {
                tracing::warn!(socket = ?self.path, "stopping: the socket was {what}");
                shutdown.cancel();
            }
        }
    }

    /// What happened to the file; nothing where that cannot be told.
    fn lost(&self) -> Option<&'static str> {
        match fs::symlink_metadata(&self.path) {
            Ok(now) if now.ino() == self.inode => None,
            Ok(_) => Some("replaced"),
            Err(error) => match error.kind() {
                ErrorKind::NotFound | ErrorKind::NotADirectory => Some("deleted"),
                _ => None,
            },
        }
    }
}
