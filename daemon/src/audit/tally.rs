//! Equal events, counted as they come.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::{Duration, Instant};

use quilt_proto::Timestamp;
use quilt_proto::wire::AuditEntry;

use super::event::Event;

/// How long equal events are gathered.
pub(super) const GATHER: Duration = Duration::from_mins(1);

/// Kinds of events gathered at once; beyond that, each is a line.
const MAX_KINDS: usize = 256;

/// What is gathered.
#[derive(Default)]
pub(super) struct Tally {
    hasher: RandomState,
    kinds: HashMap<u64, Vec<Tallied>>,
    length: usize,
}

/// Equal events after the one that was a line at once.
struct Tallied {
    first: AuditEntry,
    since: Instant,
    repeats: u64,
    last: (Timestamp, Option<u32>),
}

impl Tallied {
    /// A line for the repeats so far.
    fn take(&mut self) -> Option<AuditEntry> {
        let count = std::mem::take(&mut self.repeats);
        let (time, pid) = self.last;
        (count > 0).then(|| AuditEntry {
            time,
            pid,
            count,
            ..self.first.clone()
        })
    }
}

impl Tally {
    /// Counts an event; a line where it is the first of its kind in a while.
    pub(super) fn count(&mut self, event: &Event<'_>) -> Option<AuditEntry> {
        let now = Instant::now();
        let hash = self.hasher.hash_one(event);
        let known = self.kinds.get_mut(&hash);
        let mut like = known.into_iter().flatten();
        let Some(kind) = like.find(|kind| event.is_like(&kind.first)) else {
            let entry = event.entry(1);
            self.gather(hash, &entry, now);
            return Some(entry);
        };
        if now.duration_since(kind.since) < GATHER {
            kind.repeats += 1;
            kind.last = (event.time, event.pid);
            return None;
        }
        // Whoever writes has not come round to it yet: it is time.
        let count = std::mem::take(&mut kind.repeats) + 1;
        kind.since = now;
        Some(event.entry(count))
    }

    fn gather(&mut self, hash: u64, first: &AuditEntry, since: Instant) {
        if self.length >= MAX_KINDS {
            return;
        }
        self.length += 1;
        self.kinds.entry(hash).or_default().push(Tallied {
            first: first.clone(),
            since,
            repeats: 0,
            last: (first.time, first.pid),
        });
    }

    /// A line was lost: the next of its kind is the first again.
    pub(super) fn forget(&mut self, event: &Event<'_>) {
        let hash = self.hasher.hash_one(event);
        if let Some(kinds) = self.kinds.get_mut(&hash) {
            kinds.retain(|kind| !event.is_like(&kind.first));
        }
        self.tidy();
    }

    /// Lines for repeats gathered for at least `age`. The gathering goes on
    /// where it was cut short.
    pub(super) fn flush(&mut self, age: Duration) -> Vec<AuditEntry> {
        let mut lines = Vec::new();
        for kinds in self.kinds.values_mut() {
            kinds.retain_mut(|kind| {
                let gathered = kind.since.elapsed();
                if gathered >= age {
                    lines.extend(kind.take());
                }
                gathered < GATHER
            });
        }
        self.tidy();
        lines
    }

    /// When the next kind is over; `None` while there are none.
    pub(super) fn due_in(&self) -> Option<Duration> {
        let all = self.kinds.values().flatten();
        let oldest = all.map(|kind| kind.since).min()?;
        Some(GATHER.saturating_sub(oldest.elapsed()))
    }

    fn tidy(&mut self) {
        self.kinds.retain(|_, kinds| !kinds.is_empty());
        self.length = self.kinds.values().map(Vec::len).sum();
    }
}
