//! Requests under way: whose turn it is.

use std::time::Instant;

use super::{Activity, ConnectionTable, Id, Load, OriginId};

/// Requests of one origin, and of all together, that may take up a processor
/// at once. Whoever asks for the first time in a while stands behind no more
/// than these, however many ask.
const RUNNING_EACH: usize = 16;
const RUNNING: usize = 64;

impl ConnectionTable {
    /// The client of `id` keeps us waiting since now, or no more. Its request
    /// is not under way meanwhile. Whose turn it is now.
    pub(in crate::listen::limiter) fn stall(&mut self, id: Id, since: Option<Instant>) -> Vec<Id> {
        let Some(entry) = self.entries.get_mut(&id) else {
            return Vec::new();
        };
        entry.stalled = since;
        let load = match since {
            Some(_) => Load::None,
            // It is known to go on; whether it computes is not.
            None => entry.load.max(Load::UnderWay),
        };
        if entry.activity == Activity::Serving {
            self.set_load(id, load);
        }
        self.next_turns()
    }

    /// The answer of `id` has begun. Whose turn it is now.
    pub(in crate::listen::limiter) fn begun(&mut self, id: Id) -> Vec<Id> {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.asked = None;
        }
        // The rest of it may take as long as it likes.
        self.parked(id)
    }

    /// The answer of `id` waits for somebody else: a stack, AWS, a disk. Whose
    /// turn it is now.
    pub(in crate::listen::limiter) fn parked(&mut self, id: Id) -> Vec<Id> {
        if self
            .entries
            .get(&id)
            .is_some_and(|entry| entry.load == Load::Running)
        {
            self.set_load(id, Load::UnderWay);
        }
        self.next_turns()
    }

    /// One origin may have as many requests under way as there are slots that
    /// answer nobody: half of all where it is alone, and never the last one.
    /// Fewer of them may take up a processor.
    pub(super) fn has_turn(&self, origin: OriginId) -> bool {
        let tally = &self.origins[origin];
        (tally.serving == 0 || tally.serving + self.serving < self.slots)
            && tally.running < RUNNING_EACH
            && self.running < RUNNING
    }

    /// Whether the origin of `id` holds so many connections that one request of
    /// each keeps others waiting.
    pub(in crate::listen::limiter) fn is_crowd(&self, id: Id) -> bool {
        let entry = self.entries.get(&id);
        entry.is_some_and(|entry| self.holds_crowd(entry.origin))
    }

    pub(super) fn holds_crowd(&self, origin: OriginId) -> bool {
        self.origins[origin].held > self.slots / 4
    }

    pub(super) fn serve(&mut self, id: Id) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        entry.activity = Activity::Serving;
        let (origin, since) = (entry.origin, entry.since);
        let now = self.tick();
        self.waiting -= 1;
        let tally = &mut self.origins[origin];
        tally.waiting.remove(&(since, id));
        tally.served = now;
        self.set_load(id, Load::Running);
    }

    /// Counts a request as what it is now.
    pub(super) fn set_load(&mut self, id: Id, load: Load) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        let was = std::mem::replace(&mut entry.load, load);
        if was == load {
            return;
        }
        let tally = &mut self.origins[entry.origin];
        let counts = [
            (Load::UnderWay, &mut self.serving, &mut tally.serving),
            (Load::Running, &mut self.running, &mut tally.running),
        ];
        for (least, all, of_origin) in counts {
            for count in [all, of_origin] {
                *count = *count + usize::from(load >= least) - usize::from(was >= least);
            }
        }
    }

    /// Lets those go on whose turn it is: first of whoever was served longest
    /// ago, the oldest first.
    pub(super) fn next_turns(&mut self) -> Vec<Id> {
        let mut turns = Vec::new();
        while self.waiting > 0 {
            let fronts = self.origins.iter().filter_map(|(origin, tally)| {
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
