//! How many connections a listener may hold, from how many descriptors the
//! process may have.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use rustix::process::{Resource, getrlimit};

/// Slots of a listener where descriptors are plenty.
const MOST: usize = 512;

/// The fewest slots there are, however few descriptors.
const LEAST: usize = 4;

/// Connections that wait for a slot, for each listener, where descriptors are
/// plenty.
const MOST_WAITING: usize = 12 * 1024;

/// Listeners that can be there at once: the control socket, the endpoint for
/// programs under `exec`, and the gateway.
const LISTENERS: usize = 3;

/// Slots for each listener under the limit on descriptors in force.
pub(crate) fn slots() -> usize {
    slots_within(descriptors())
}

/// How many logins may wait for a browser at once, each with a listener of its
/// own, under the limit on descriptors in force.
pub(crate) fn web_logins() -> usize {
    (descriptors() / 32).clamp(2, 32)
}

/// How many connections of a listener may wait for a slot.
#[derive(Clone, Copy, Debug)]
pub enum WaitingLimit {
    /// As many as the process has descriptors for, with the other listeners.
    Shared,
    /// So many, whatever the others do.
    Own(usize),
}

/// Places for connections that wait for a slot of one listener: some are its
/// own, the others are there for whichever listener needs them.
#[derive(Clone, Debug)]
pub(super) struct WaitingRoom {
    own: usize,
    shared: Arc<SharedPlaces>,
}

#[derive(Debug)]
struct SharedPlaces {
    count: usize,
    taken: AtomicUsize,
}

impl WaitingRoom {
    pub(super) fn new(limit: WaitingLimit) -> Self {
        static SHARED: OnceLock<Arc<SharedPlaces>> = OnceLock::new();
        let (own, shared) = match limit {
            WaitingLimit::Shared => {
                let (own, count) = waiting_within(descriptors());
                (own, SHARED.get_or_init(|| SharedPlaces::new(count)).clone())
            }
            WaitingLimit::Own(own) => (own, SharedPlaces::new(0)),
        };
        Self { own, shared }
    }

    /// Whether there are no places for so many.
    pub(super) fn is_over(&self, length: usize) -> bool {
        length > self.own && self.shared.taken.load(Ordering::Relaxed) > self.shared.count
    }

    /// Whether so many leave few places.
    pub(super) fn is_crowded(&self, length: usize) -> bool {
        let places = self.own + self.shared.count;
        let few = (places / 8).max(places.div_ceil(2).min(8));
        length > places - few
    }

    /// One more waits: the last of so many.
    pub(super) fn take(&self, length: usize) {
        if length > self.own {
            self.shared.taken.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The last of so many waits no more.
    pub(super) fn give_back(&self, length: usize) {
        if length > self.own {
            self.shared.taken.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl SharedPlaces {
    fn new(count: usize) -> Arc<Self> {
        let taken = AtomicUsize::new(0);
        Arc::new(Self { count, taken })
    }
}

fn descriptors() -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    })
}

/// Leaves room for what is open anyway, connections to stacks and AWS, files
/// and what is read from `/proc`, and for connections on their way out.
fn slots_within(descriptors: usize) -> usize {
    let each = descriptors.saturating_sub(others(descriptors)) / LISTENERS;
    // Who comes next needs a place to be heard in, too.
    let for_waiting = (each / 4).max((each / 2).min(8));
    (each - for_waiting).clamp(LEAST, MOST)
}

fn others(descriptors: usize) -> usize {
    (descriptors / 8).clamp(32, 128)
}

/// Connections on their way out where all of so many slots are given anew.
pub(super) fn leeway(slots: usize) -> usize {
    (slots / 8).clamp(1, 64)
}

/// Places of each listener, and those that all share.
fn waiting_within(descriptors: usize) -> (usize, usize) {
    let each = descriptors.saturating_sub(others(descriptors)) / LISTENERS;
    let slots = slots_within(descriptors);
    let places = each
        .saturating_sub(slots + leeway(slots))
        .clamp(1, MOST_WAITING);
    let own = places.div_ceil(2);
    (own, LISTENERS * (places - own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_listeners_and_everything_else_fit() {
        assert_eq!(slots_within(usize::MAX), MOST);
        assert_eq!(slots_within(4096), MOST);
        for descriptors in 64..4096 {
            let slots = slots_within(descriptors);
            let (own, shared) = waiting_within(descriptors);
            let held = LISTENERS * (slots + leeway(slots) + own) + shared;
            assert!(held + 24 <= descriptors, "{slots} of {descriptors}");
        }
        assert_eq!(slots_within(0), LEAST);
        assert_eq!(
            waiting_within(usize::MAX),
            (MOST_WAITING / 2, LISTENERS * MOST_WAITING / 2)
        );
    }

    #[test]
    fn a_listener_takes_the_places_that_nobody_else_needs() {
        let shared = SharedPlaces::new(3);
        let room = || WaitingRoom {
            own: 2,
            shared: Arc::clone(&shared),
        };
        let (one, other) = (room(), room());
        for length in 1..=5 {
            one.take(length);
            assert!(!one.is_over(length), "{length}");
        }
        one.take(6);
        assert!(one.is_over(6));
        one.give_back(6);
        // Those of its own are left to the other.
        other.take(1);
        other.take(2);
        assert!(!other.is_over(2) && !one.is_over(5));
        other.take(3);
        assert!(other.is_over(3));
        other.give_back(3);
        one.give_back(5);
        other.take(3);
        assert!(!other.is_over(3));
    }
}
