//! Connections that were accepted and wait for a slot.
//!
//! The kernel's queue is one line for everybody: whoever waits there waits
//! behind a crowd. Here each origin has a line of its own, and the one that
//! holds the fewest slots is next.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};

use super::Origin;
use super::descriptor_budget::{WaitingLimit, WaitingRoom};
use super::limiter::Newcomer;

/// A connection that waits.
#[derive(Debug)]
struct Waiting<C> {
    connection: C,
    newcomer: Newcomer,
    /// In order of arrival.
    number: u64,
}

/// The lines, for connections of type `C`.
#[derive(Debug)]
pub(super) struct WaitingQueue<C> {
    lines: HashMap<Origin, VecDeque<Waiting<C>>>,
    room: WaitingRoom,
    length: usize,
    next: u64,
}

impl<C> WaitingQueue<C> {
    /// An empty queue.
    pub(super) fn new(limit: WaitingLimit) -> Self {
        Self {
            lines: HashMap::new(),
            room: WaitingRoom::new(limit),
            length: 0,
            next: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Whether it is nearly full.
    pub(super) fn is_crowded(&self) -> bool {
        self.room.is_crowded(self.length)
    }

    /// How many of `origin` wait.
    fn of(&self, origin: &Origin) -> usize {
        self.lines.get(origin).map_or(0, VecDeque::len)
    }

    /// Lets a connection wait.
    pub(super) fn enter(&mut self, origin: Origin, connection: C) {
        self.next += 1;
        let waiting = Waiting {
            connection,
            newcomer: Newcomer::new(origin.clone()),
            number: self.next,
        };
        self.lines.entry(origin).or_default().push_back(waiting);
        self.length += 1;
        self.room.take(self.length);
    }

    /// Whether there is no room for one of those who wait.
    pub(super) fn is_over(&self) -> bool {
        self.room.is_over(self.length)
    }

    /// Sends one away of whoever waits most, the slots included that `held` says
    /// it holds: the oldest where that asks nothing, else the newest.
    pub(super) fn drop_one(
        &mut self,
        held: impl Fn(&Origin) -> usize,
        asks: impl Fn(&C) -> bool,
    ) -> Option<C> {
        let lines = self.lines.iter().filter_map(|(origin, line)| {
            let first = line.front()?;
            let is_silent = !first.newcomer.is_new() && !asks(&first.connection);
            let key = (line.len() + held(origin), is_silent, Reverse(first.number));
            Some((key, origin))
        });
        let ((_, is_silent, _), origin) = lines.max_by_key(|(key, _)| *key)?;
        let origin = origin.clone();
        let line = self.lines.get_mut(&origin)?;
        let gone = if is_silent {
            line.pop_front()
        } else {
            line.pop_back()
        };
        self.tidy(&origin);
        gone.map(|gone| gone.connection)
    }

    /// Lets the next one in, if `admit` does: the oldest of the origin that
    /// `held` says holds fewest.
    pub(super) fn next<S>(
        &mut self,
        held: impl Fn(&Origin) -> usize,
        admit: impl FnOnce(&mut Newcomer) -> Option<S>,
    ) -> Option<(C, S)> {
        let fronts = self.lines.iter().filter_map(|(origin, line)| {
            let number = line.front()?.number;
            Some(((held(origin), number), origin))
        });
        let (_, origin) = fronts.min_by_key(|(key, _)| *key)?;
        let origin = origin.clone();
        let line = self.lines.get_mut(&origin)?;
        let slot = admit(&mut line.front_mut()?.newcomer)?;
        let first = line.pop_front()?;
        self.tidy(&origin);
        Some((first.connection, slot))
    }

    /// One of `origin` has left its line.
    fn tidy(&mut self, origin: &Origin) {
        self.room.give_back(self.length);
        self.length -= 1;
        if self.of(origin) == 0 {
            self.lines.remove(origin);
        }
        if self.length == 0 {
            // A crowd's room goes with it.
            self.lines.shrink_to_fit();
        }
    }
}

impl<C> Drop for WaitingQueue<C> {
    fn drop(&mut self) {
        for length in 1..=self.length {
            self.room.give_back(length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREEDY: Origin = Origin::Process(1);
    const OTHER: Origin = Origin::Process(2);

    fn all(waiting: &mut WaitingQueue<u32>, held: impl Fn(&Origin) -> usize) -> Vec<u32> {
        let next = || waiting.next(&held, |_| Some(())).map(|(number, ())| number);
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn whoever_holds_fewest_is_next_then_the_oldest() {
        let mut waiting = WaitingQueue::new(WaitingLimit::Own(8));
        for number in [1, 2, 3] {
            waiting.enter(GREEDY, number);
        }
        waiting.enter(OTHER, 4);
        let held = |origin: &Origin| usize::from(*origin == GREEDY);
        assert_eq!(all(&mut waiting, held), [4, 1, 2, 3]);
        assert!(waiting.is_empty() && waiting.lines.is_empty());
    }

    /// Until whoever is there has had the time to ask something.
    async fn a_while() {
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_has_most_loses_the_oldest_that_asks_nothing_or_the_newest() {
        let mut waiting = WaitingQueue::new(WaitingLimit::Own(3));
        for number in [1, 2, 3] {
            waiting.enter(GREEDY, number);
        }
        assert!(!waiting.is_over());
        waiting.enter(OTHER, 4);
        assert!(waiting.is_over());
        a_while().await;
        assert_eq!(waiting.drop_one(|_| 0, |_| true), Some(3));
        assert_eq!(waiting.drop_one(|_| 0, |_| false), Some(1));
        waiting.enter(OTHER, 5);
        let held = |origin: &Origin| 8 * usize::from(*origin == GREEDY);
        assert_eq!(waiting.drop_one(held, |_| true), Some(2));
        assert_eq!(all(&mut waiting, |_| 0), [4, 5]);
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_that_are_alike_the_one_that_asks_stays() {
        let mut waiting = WaitingQueue::new(WaitingLimit::Own(1));
        waiting.enter(GREEDY, 1);
        waiting.enter(OTHER, 2);
        a_while().await;
        assert_eq!(waiting.drop_one(|_| 0, |number| *number == 1), Some(2));
        waiting.enter(OTHER, 3);
        a_while().await;
        // Nobody has asked yet.
        assert_eq!(waiting.drop_one(|_| 0, |_| false), Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_has_just_connected_does_not_go_for_asking_nothing_yet() {
        let mut waiting = WaitingQueue::new(WaitingLimit::Own(1));
        waiting.enter(GREEDY, 1);
        a_while().await;
        waiting.enter(OTHER, 2);
        let asks = |number: &u32| *number == 1;
        assert_eq!(waiting.drop_one(|_| 0, asks), Some(1));
    }

    #[test]
    fn who_is_not_admitted_keeps_its_place() {
        let mut waiting = WaitingQueue::new(WaitingLimit::Own(3));
        waiting.enter(GREEDY, 1);
        waiting.enter(GREEDY, 2);
        assert!(waiting.next(|_| 0, |_| None::<()>).is_none());
        assert_eq!(waiting.of(&GREEDY), 2);
        assert_eq!(all(&mut waiting, |_| 0), [1, 2]);
    }
}
