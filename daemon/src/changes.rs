//! That something changed: subscribers are told, nobody polls.

use std::sync::Arc;

use tokio::sync::watch;

/// Tells subscribers that something they show or hold may be out of date.
/// Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Changes(Arc<watch::Sender<u64>>);

impl Changes {
    /// Tells every subscriber.
    pub fn announce(&self) {
        self.0.send_modify(|count| *count += 1);
    }

    /// Whether anybody hears of them.
    pub fn is_watched(&self) -> bool {
        self.0.receiver_count() > 0
    }

    /// Hears of every change from now on.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}
