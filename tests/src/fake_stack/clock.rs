//! The stack's idea of now.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// The wall clock, moved by a shared offset.
///
/// Clones share the offset, so one clock given to two stacks moves both. Request signatures
/// are always checked against the machine's own clock: the programs that sign have no other.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    offset_seconds: Arc<AtomicI64>,
}

impl Clock {
    /// The current time of this clock.
    pub fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        let offset = SignedDuration::from_secs(self.offset());
        now.checked_add(offset).unwrap_or(now)
    }

    /// How far this clock is ahead of the machine's, in seconds.
    pub fn offset(&self) -> i64 {
        self.offset_seconds.load(Ordering::Relaxed)
    }

    /// Sets how far this clock is ahead of the machine's, in seconds; negative is behind.
    pub fn set_offset(&self, seconds: i64) {
        self.offset_seconds.store(seconds, Ordering::Relaxed);
    }

    /// Moves the clock forward (negative: back) by `seconds`.
    pub fn advance(&self, seconds: i64) {
        self.offset_seconds.fetch_add(seconds, Ordering::Relaxed);
    }
}

/// `at` moved by `seconds`, which may be negative; unchanged where that leaves the calendar.
pub(crate) fn plus(at: Timestamp, seconds: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_secs(seconds))
        .unwrap_or(at)
}

/// ISO 8601 with a numeric offset and whole seconds, as the registry writes times.
pub(crate) fn iso_offset(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

/// ISO 8601 in UTC with `Z` and whole seconds, as AWS writes times.
pub(crate) fn iso_z(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_move_together() {
        let clock = Clock::default();
        let other = clock.clone();
        other.advance(3600);
        assert_eq!(clock.offset(), 3600);
        assert!(clock.now() > plus(Timestamp::now(), 3590));
        other.set_offset(-60);
        assert!(clock.now() < Timestamp::now());
    }

    #[test]
    fn times_are_written_the_way_each_service_writes_them() {
        let at: Timestamp = "2026-01-02T03:04:05.678Z".parse().unwrap();
        assert_eq!(iso_offset(at), "2026-01-02T03:04:05+00:00");
        assert_eq!(iso_z(at), "2026-01-02T03:04:05Z");
    }
}
