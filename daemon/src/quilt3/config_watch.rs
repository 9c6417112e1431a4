//! When `config.yml` was written by somebody.

use std::time::Duration;

use super::{ConfigFile, SdkFiles};
use crate::files::{FileEvents, Stamp};

/// How often to look, whatever the system tells.
const INTERVAL: Duration = Duration::from_secs(1);

/// Tells when it was.
pub struct ConfigWatch {
    file: ConfigFile,
    seen: Option<Stamp>,
    events: FileEvents,
}

impl ConfigWatch {
    /// Watches the file that names the registry; its first change is that it is
    /// there. Must be called inside a tokio runtime.
    pub fn of(sdk_files: &SdkFiles) -> Self {
        Self {
            file: sdk_files.config().clone(),
            seen: None,
            events: FileEvents::new(INTERVAL),
        }
    }

    /// Waits until it was changed, since this was asked last.
    pub async fn changed(&mut self) {
        self.events.watch(&[self.file.path()]);
        loop {
            let stamp = self.file.stamp();
            if stamp != self.seen {
                self.seen = stamp;
                return;
            }
            // Neither a program that keeps it open nor a link on the way is told of.
            let told = tokio::time::timeout(INTERVAL, self.events.changed()).await;
            if told.is_ok() {
                self.events.watch(&[self.file.path()]);
            }
        }
    }
}
