//! That something changed: subscribers are told, nobody polls.

use std::sync::Arc;

use tokio::sync::{Notify, watch};

/// Tells subscribers that something they show or hold may be out of date.
/// Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    count: Arc<watch::Sender<u64>>,
    subscribed: Arc<Notify>,
    /// For the one that hears of them and watches nothing.
    told: Arc<Notify>,
}

impl Changes {
    /// Tells every subscriber.
    pub fn announce(&self) {
        self.count.send_modify(|count| *count += 1);
        self.told.notify_one();
    }

    /// Returns once there was a change since the last call: for one caller, who
    /// does not count as watching.
    pub async fn next(&self) {
        self.told.notified().await;
    }

    /// Whether anybody hears of them.
    pub fn is_watched(&self) -> bool {
        self.count.receiver_count() > 0
    }

    /// Returns once that is no longer so.
    pub async fn watched_no_longer(&self, is_watched: bool) {
        if is_watched {
            self.count.closed().await;
        }
        while !is_watched && !self.is_watched() {
            self.subscribed.notified().await;
        }
    }

    /// Hears of every change from now on.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        let changes = self.count.subscribe();
        self.subscribed.notify_one();
        changes
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn it_is_told_when_somebody_begins_and_ends_to_watch() {
        let changes = Changes::default();
        let turns = async |is_watched| {
            let told = changes.watched_no_longer(is_watched);
            tokio::time::timeout(Duration::from_secs(20), told).await
        };
        assert!(!changes.is_watched());
        let first = changes.subscribe();
        let second = changes.subscribe();
        turns(false).await.unwrap();
        drop(first);
        assert!(changes.is_watched());
        drop(second);
        turns(true).await.unwrap();
        // Who only waits for the next one does not watch.
        changes.announce();
        changes.announce();
        changes.next().await;
        assert!(!changes.is_watched());
        let next = tokio::time::timeout(Duration::from_millis(50), changes.next());
        assert!(next.await.is_err(), "both of them are known");
        // What was told before does not tell it again.
        let told = changes.watched_no_longer(false);
        let told = tokio::time::timeout(Duration::from_millis(50), told);
        assert!(told.await.is_err());
    }
}
