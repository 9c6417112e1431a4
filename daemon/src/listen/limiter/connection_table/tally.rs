//! What is counted for one origin.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::Id;

/// How often, and how many at a time, whoever holds more than half of all slots
/// puts a newcomer of its own in place of another.
pub(in crate::listen::limiter) const PACE: Duration = Duration::from_millis(10);
const REPLACED_AT_A_TIME: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) held: usize,
    pub(super) serving: usize,
    pub(super) running: usize,
    /// When a request of it was last let go on, in the order of things.
    pub(super) served: u64,
    /// Requests that wait, the oldest first.
    pub(super) waiting: BTreeSet<(u64, Id)>,
    pub(super) streams: usize,
    /// Connections that have not been looked at since they got their slot.
    pub(super) new: usize,
    /// Connections that made way for newcomers of the same origin since then.
    pub(super) replaced: usize,
    replacing_since: Option<Instant>,
}

impl Tally {
    /// Whether one more may make way for a newcomer of the same origin now.
    pub(super) fn may_replace(&mut self, now: Instant) -> bool {
        let is_over = |since: Instant| now.saturating_duration_since(since) >= PACE;
        if self.replacing_since.is_none_or(is_over) {
            (self.replacing_since, self.replaced) = (Some(now), 0);
        }
        self.replaced < REPLACED_AT_A_TIME
    }
}
