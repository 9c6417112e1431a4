//! How often each endpoint was called, and by how many at once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::endpoint::Endpoint;
use super::shared::Shared;

/// What happened at one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Count {
    /// Calls that arrived.
    pub calls: u64,
    /// Calls being answered now.
    pub in_flight: u64,
    /// The most calls that were being answered at once.
    pub peak: u64,
    /// Answers by status code; calls that got none are missing.
    pub by_status: BTreeMap<u16, u64>,
}

/// What happened since the start or the last reset.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// By endpoint; an endpoint nobody called is missing.
    pub endpoints: BTreeMap<Endpoint, Count>,
    /// By operation: `graphql:<operationName>`, `sts:<Action>`, `s3:<Operation>`,
    /// `token:refused`.
    pub operations: BTreeMap<String, u64>,
}

impl Counts {
    /// Calls of one endpoint.
    pub fn calls(&self, endpoint: Endpoint) -> u64 {
        self.endpoints.get(&endpoint).map_or(0, |count| count.calls)
    }

    /// Calls of one operation.
    pub fn operation(&self, name: &str) -> u64 {
        self.operations.get(name).copied().unwrap_or(0)
    }
}

/// The counting itself.
#[derive(Debug)]
pub(crate) struct Counter {
    counts: Shared<Counts>,
    changed: watch::Sender<()>,
}

impl Default for Counter {
    fn default() -> Self {
        Self {
            counts: Shared::default(),
            changed: watch::Sender::new(()),
        }
    }
}

impl Counter {
    /// A call arrived. It is in flight until the guard is dropped.
    pub(crate) fn begin(&self, endpoint: Endpoint) -> InFlight<'_> {
        self.change(|counts| {
            let count = counts.endpoints.entry(endpoint).or_default();
            count.calls += 1;
            count.in_flight += 1;
            count.peak = count.peak.max(count.in_flight);
        });
        InFlight {
            counter: self,
            endpoint,
        }
    }

    /// An operation was asked for.
    pub(crate) fn operation(&self, name: &str) {
        self.change(|counts| *counts.operations.entry(name.to_owned()).or_default() += 1);
    }

    pub(crate) fn snapshot(&self) -> Counts {
        self.counts.lock().clone()
    }

    /// Forgets everything but the calls still in flight.
    pub(crate) fn reset(&self) {
        self.change(|counts| {
            counts.operations.clear();
            counts.endpoints.retain(|_, count| {
                let in_flight = count.in_flight;
                *count = Count {
                    in_flight,
                    peak: in_flight,
                    ..Count::default()
                };
                in_flight > 0
            });
        });
    }

    /// Waits until the counts look as wished.
    pub(crate) async fn wait(&self, mut wished: impl FnMut(&Counts) -> bool) {
        let mut changes = self.changed.subscribe();
        loop {
            changes.mark_unchanged();
            if wished(&self.counts.lock()) {
                return;
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.lock());
        self.changed.send_replace(());
    }
}

/// One call that is being answered.
#[derive(Debug)]
pub(crate) struct InFlight<'a> {
    counter: &'a Counter,
    endpoint: Endpoint,
}

impl InFlight<'_> {
    /// The call was answered.
    pub(crate) fn answered(&self, status: u16) {
        self.counter.change(|counts| {
            let count = counts.endpoints.entry(self.endpoint).or_default();
            *count.by_status.entry(status).or_default() += 1;
        });
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.counter.change(|counts| {
            let count = counts.endpoints.entry(self.endpoint).or_default();
            count.in_flight = count.in_flight.saturating_sub(1);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_the_most_at_once() {
        let counter = Counter::default();
        let first = counter.begin(Endpoint::Token);
        let second = counter.begin(Endpoint::Token);
        second.answered(200);
        drop(second);
        drop(counter.begin(Endpoint::Token));
        let count = counter.snapshot().endpoints[&Endpoint::Token].clone();
        assert_eq!((count.calls, count.in_flight, count.peak), (3, 1, 2));
        assert_eq!(count.by_status[&200], 1);
        counter.reset();
        let count = counter.snapshot().endpoints[&Endpoint::Token].clone();
        assert_eq!((count.calls, count.in_flight, count.peak), (0, 1, 1));
        drop(first);
    }

    #[tokio::test]
    async fn a_waiter_sees_the_call_arrive() {
        let counter = Counter::default();
        let waiting = counter.wait(|counts| counts.calls(Endpoint::Graphql) == 1);
        let calling = async { drop(counter.begin(Endpoint::Graphql)) };
        tokio::join!(waiting, calling);
    }
}
