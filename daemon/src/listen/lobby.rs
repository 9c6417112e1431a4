//! Connections that were accepted and wait for a slot.
//!
//! The kernel's queue is one line for everybody: whoever waits there waits
//! behind a crowd. Here each origin has a line of its own, and the one that
//! holds the fewest slots is next.

use std::collections::{HashMap, VecDeque};

use super::Origin;
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
pub(super) struct Lobby<C> {
    lines: HashMap<Origin, VecDeque<Waiting<C>>>,
    room: usize,
    length: usize,
    next: u64,
}

impl<C> Lobby<C> {
    /// A lobby for `room` connections.
    pub(super) fn new(room: usize) -> Self {
        Self {
            lines: HashMap::new(),
            room: room.max(1),
            length: 0,
            next: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Whether it is half full.
    pub(super) fn is_crowded(&self) -> bool {
        self.length > self.room / 2
    }

    /// How many of `origin` wait.
    fn of(&self, origin: &Origin) -> usize {
        self.lines.get(origin).map_or(0, VecDeque::len)
    }

    /// Lets a connection wait. Returns the one there is no room for: the newest
    /// of the longest line.
    pub(super) fn enter(&mut self, origin: Origin, connection: C) -> Option<C> {
        self.next += 1;
        let waiting = Waiting {
            connection,
            newcomer: Newcomer::new(origin.clone()),
            number: self.next,
        };
        self.lines.entry(origin).or_default().push_back(waiting);
        self.length += 1;
        if self.length <= self.room {
            return None;
        }
        self.drop_newest()
    }

    /// Sends the newest of the longest line away.
    pub(super) fn drop_newest(&mut self) -> Option<C> {
        let lines = self.lines.iter();
        let longest = lines.max_by_key(|(_, line)| (line.len(), line.front().map(|at| at.number)));
        let origin = longest.map(|(origin, _)| origin.clone())?;
        let newest = self.lines.get_mut(&origin)?.pop_back();
        self.tidy(&origin);
        newest.map(|newest| newest.connection)
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

#[cfg(test)]
mod tests {
    use super::*;

    const GREEDY: Origin = Origin::Process(1);
    const OTHER: Origin = Origin::Process(2);

    fn all(lobby: &mut Lobby<u32>, held: impl Fn(&Origin) -> usize) -> Vec<u32> {
        let next = || lobby.next(&held, |_| Some(())).map(|(number, ())| number);
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn whoever_holds_fewest_is_next_then_the_oldest() {
        let mut lobby = Lobby::new(8);
        for number in [1, 2, 3] {
            assert_eq!(lobby.enter(GREEDY, number), None);
        }
        assert_eq!(lobby.enter(OTHER, 4), None);
        let held = |origin: &Origin| usize::from(*origin == GREEDY);
        assert_eq!(all(&mut lobby, held), [4, 1, 2, 3]);
        assert!(lobby.is_empty() && lobby.lines.is_empty());
    }

    #[test]
    fn the_newest_of_the_longest_line_finds_no_room() {
        let mut lobby = Lobby::new(3);
        for number in [1, 2, 3] {
            lobby.enter(GREEDY, number);
        }
        assert_eq!(lobby.enter(OTHER, 4), Some(3));
        assert_eq!(lobby.enter(GREEDY, 5), Some(5));
        assert_eq!(all(&mut lobby, |_| 0), [1, 2, 4]);
    }

    #[test]
    fn who_is_not_admitted_keeps_its_place() {
        let mut lobby = Lobby::new(3);
        lobby.enter(GREEDY, 1);
        lobby.enter(GREEDY, 2);
        assert!(lobby.next(|_| 0, |_| None::<()>).is_none());
        assert_eq!(lobby.of(&GREEDY), 2);
        assert_eq!(all(&mut lobby, |_| 0), [1, 2]);
    }
}
