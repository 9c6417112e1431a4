//! Changes of API keys, and what the next daemon gets of them, take turns: what is
//! offered is what every change begun before has led to, and while it is on its way
//! none begins.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How long an offer waits for changes under way: as long as a stack may take.
/// `quiltctl` waits a little longer.
const UNDER_WAY: Duration = Duration::from_secs(25);

/// Whose turn it is. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct KeyTurns(Arc<Turns>);

#[derive(Debug, Default)]
struct Turns {
    changes: Arc<RwLock<()>>,
    /// The offer that stands, and how many there were.
    offered: Mutex<(u64, Option<OwnedRwLockWriteGuard<()>>)>,
}

/// The turn of a change.
#[must_use]
pub struct Change(
    #[expect(dead_code, reason = "held until it is dropped")] OwnedRwLockReadGuard<()>,
);

impl KeyTurns {
    /// The right to change keys; nothing where the daemon ends before it is anybody's
    /// turn: the keys are the next daemon's by then.
    pub async fn change(&self, end: &CancellationToken) -> Option<Change> {
        tokio::select! {
            biased;
            turn = Arc::clone(&self.0.changes).read_owned() => Some(Change(turn)),
            () = end.cancelled() => None,
        }
    }

    /// Whether an offer stands.
    pub fn is_offered(&self) -> bool {
        self.0.offered.lock().1.is_some()
    }

    /// Ends an offer: there is nothing to offer.
    pub fn end_offer(&self) {
        self.0.offered.lock().1 = None;
    }

    /// Waits for the changes under way, as long as that may take, and has others wait
    /// for as long as an offer stands. Where the daemon does not end in that time, they
    /// go on.
    pub async fn offer_for(&self, time: Duration) {
        let stands = self.0.offered.lock().1.is_some();
        let turn = if stands {
            None
        } else {
            let turn = timeout(UNDER_WAY, Arc::clone(&self.0.changes).write_owned());
            turn.await.ok()
        };
        let this = {
            let mut offered = self.0.offered.lock();
            offered.0 += 1;
            // Another one may have come first.
            offered.1 = offered.1.take().or(turn);
            offered.0
        };
        let turns = self.clone();
        tokio::spawn(async move {
            sleep(time).await;
            let mut offered = turns.0.offered.lock();
            if offered.0 == this {
                offered.1 = None;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_offer_is_of_what_is_settled_and_nothing_changes_while_it_stands() {
        let (turns, end) = (KeyTurns::default(), CancellationToken::new());
        let change = turns.change(&end).await;
        let offer = turns.offer_for(Duration::from_secs(10));
        tokio::pin!(offer);
        assert!(timeout(Duration::from_secs(5), &mut offer).await.is_err());
        drop(change);
        offer.await;
        let waits = turns.change(&end);
        tokio::pin!(waits);
        assert!(timeout(Duration::from_secs(9), &mut waits).await.is_err());
        // Once more, by somebody else.
        turns.offer_for(Duration::from_secs(10)).await;
        assert!(timeout(Duration::from_secs(9), &mut waits).await.is_err());
        // Nobody has ended the daemon.
        let late = timeout(Duration::from_secs(2), waits).await;
        assert!(late.unwrap().is_some());
        turns.offer_for(Duration::from_secs(10)).await;
        end.cancel();
        assert!(turns.change(&end).await.is_none());
    }
}
