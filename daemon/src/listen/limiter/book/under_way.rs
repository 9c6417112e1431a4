//! Requests under way: whose turn it is.

use std::time::Instant;

use super::{Activity, Book, Id, Origin};

/// Requests of one origin, and of all together, that may take up a processor
/// at once. Whoever asks for the first time in a while stands behind no more
/// than these, however many ask.
const RUNNING_EACH: usize = 16;
const RUNNING: usize = 64;

impl Book {
    /// The client of `id` keeps us waiting since now, or no more. Its request
    /// is not under way meanwhile. Whose turn it is now.
    pub(in crate::listen::limiter) fn stall(&mut self, id: Id, since: Option<Instant>) -> Vec<Id> {
        let Some(entry) = self.entries.get_mut(&id) else {
            return Vec::new();
        };
        entry.stalled = since;
        if entry.activity == Activity::Serving {
            self.count(id, since.is_none());
        }
        self.next_turns()
    }

    /// The answer of `id` has begun.
    pub(in crate::listen::limiter) fn begun(&mut self, id: Id) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.asked = None;
        }
    }

    /// The answer of `id` waits for somebody else: a stack, AWS, a disk. Whose
    /// turn it is now.
    pub(in crate::listen::limiter) fn parked(&mut self, id: Id) -> Vec<Id> {
        self.run(id, false);
        self.next_turns()
    }

    /// One origin may have as many requests under way as there are slots that
    /// answer nobody: half of all where it is alone, and never the last one.
    /// Fewer of them may take up a processor.
    pub(super) fn has_turn(&self, origin: &Origin) -> bool {
        let of = self.tallies.get(origin);
        let (under_way, running) = of.map_or((0, 0), |tally| (tally.serving, tally.running));
        (under_way == 0 || under_way + self.serving < self.slots)
            && running < RUNNING_EACH
            && self.running < RUNNING
    }

    pub(super) fn serve(&mut self, id: Id) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        entry.activity = Activity::Serving;
        let (origin, since) = (entry.origin.clone(), entry.since);
        let now = self.tick();
        self.waiting -= 1;
        let tally = self.tally(&origin);
        tally.waiting.remove(&(since, id));
        tally.served = now;
        self.count(id, true);
        self.run(id, true);
    }

    fn run(&mut self, id: Id, is_running: bool) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        if std::mem::replace(&mut entry.is_running, is_running) == is_running {
            return;
        }
        let origin = entry.origin.clone();
        let tally = self.tallies.entry(origin).or_default();
        for count in [&mut self.running, &mut tally.running] {
            *count = if is_running { *count + 1 } else { *count - 1 };
        }
    }

    /// Counts a request as under way, or not.
    pub(super) fn count(&mut self, id: Id, is_under_way: bool) {
        if !is_under_way {
            self.run(id, false);
        }
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        if std::mem::replace(&mut entry.is_under_way, is_under_way) == is_under_way {
            return;
        }
        let origin = entry.origin.clone();
        let tally = self.tallies.entry(origin).or_default();
        for count in [&mut self.serving, &mut tally.serving] {
            *count = if is_under_way { *count + 1 } else { *count - 1 };
        }
    }

    /// Lets those go on whose turn it is: first of whoever was served longest
    /// ago, the oldest first.
    pub(super) fn next_turns(&mut self) -> Vec<Id> {
        let mut turns = Vec::new();
        while self.waiting > 0 {
            let fronts = self.tallies.iter().filter_map(|(origin, tally)| {
                let front = *tally.waiting.first()?;
                self.has_turn(origin).then_some((tally.served, front))
            });
            let Some((_, (_, id))) = fronts.min() else {
                break;
            };
            self.serve(id);
            turns.push(id);
        }
        turns
    }
}
