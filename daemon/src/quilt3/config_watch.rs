//! When `config.yml` was written by somebody.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior};

use super::open_watch::Opens;
use super::{ConfigFile, SdkFiles};
use crate::files::Stamp;

/// How often to look where the system tells of nothing.
const INTERVAL: Duration = Duration::from_secs(1);

/// Tells when it was.
pub struct ConfigWatch {
    file: ConfigFile,
    seen: Option<Stamp>,
    writes: Option<Opens>,
    ticks: Interval,
}

impl ConfigWatch {
    /// Watches the file that names the registry; its first change is that it is
    /// there. Must be called inside a tokio runtime.
    pub fn of(sdk_files: &SdkFiles) -> Self {
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let file = sdk_files.config().clone();
        let dir = file.path();
        let writes = Opens::new().ok().filter(|writes| {
            let dir = dir.parent();
            dir.is_some_and(|dir| writes.watch_writes(dir).is_ok())
        });
        Self {
            file,
            seen: None,
            writes,
            ticks,
        }
    }

    /// Waits until it was changed, since this was asked last.
    pub async fn changed(&mut self) {
        loop {
            if let Some(writes) = &mut self.writes {
                writes.clear();
            }
            let stamp = self.file.stamp();
            if stamp != self.seen {
                self.seen = stamp;
                return;
            }
            match &mut self.writes {
                Some(writes) => tokio::select! {
                    () = writes.news() => {}
                    _ = self.ticks.tick() => {}
                },
                None => drop(self.ticks.tick().await),
            }
        }
    }
}
