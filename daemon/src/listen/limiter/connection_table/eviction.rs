//! Who has to go.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use crate::listen::descriptor_budget;

use super::{Activity, ConnectionTable, Entry, Id, Order, Origin, OriginId, is_leaving};

/// How long a client may keep us waiting before its slot may be given away.
const STALL: Duration = Duration::from_secs(1);

/// The same once newcomers have waited in vain: whoever reads does so by then,
/// and there can be thousands in the queue who do not.
const STALL_PRESSED: Duration = Duration::from_millis(50);

/// How long an answer may take before its slot may be given away: programs
/// that ask for credentials wait no longer.
const LATE: Duration = Duration::from_secs(1);

/// Who has to go, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::listen::limiter) struct Eviction {
    pub(in crate::listen::limiter) id: Id,
    pub(in crate::listen::limiter) why: Why,
}

impl Eviction {
    /// Whether a request is answered for the last time, or turned away: its
    /// connection closes a while later.
    pub(in crate::listen::limiter) fn ends_a_request(self) -> bool {
        matches!(self.why, Why::Excess | Why::Late | Why::Last)
    }
}

/// Why somebody was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::listen::limiter) enum Why {
    /// It asks nothing.
    Quiet,
    /// Its caller has too much under way at once.
    Excess,
    /// It keeps us waiting.
    Stalled,
    /// Its answer takes long.
    Late,
    /// It is answered for the last time.
    Last,
}

/// How many wait for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::listen::limiter) enum Pressure {
    None,
    /// Newcomers have waited in vain: nobody may keep us waiting long.
    Waited,
    /// So many wait that requests of a newcomer's own origin may be turned away.
    Crowded,
}

/// How a newcomer looks for a slot.
#[derive(Clone, Copy, Debug)]
pub(in crate::listen::limiter) struct Search {
    /// Whether a request may be turned away, or told that its answer is the
    /// last.
    pub(in crate::listen::limiter) ends_requests: bool,
    /// Whether a request was ended for this newcomer: its connection closes,
    /// whatever else is on its way out.
    pub(in crate::listen::limiter) is_owed: bool,
    pub(in crate::listen::limiter) pressure: Pressure,
}

impl ConnectionTable {
    /// Sends away whoever asks nothing, for something else than a slot.
    pub(in crate::listen::limiter) fn shed(&mut self) -> Option<Eviction> {
        if self.leaving >= descriptor_budget::leeway(self.slots) {
            return None;
        }
        let (id, why) = (self.quiet(|_| true)?, Why::Quiet);
        let eviction = Eviction { id, why };
        self.evict(eviction);
        Some(eviction)
    }

    /// Who has to go for a newcomer of `origin`.
    pub(super) fn victim(&self, origin: &Origin, search: Search, now: Instant) -> Option<Eviction> {
        let id = self.origins.id(origin);
        let own = |entry: &Entry| Some(entry.origin) == id;
        let is_greedy = self.greedy(origin).is_some();
        let fits = |entry: &Entry| !is_greedy || own(entry);
        let excess = |entry: &Entry| {
            search.ends_requests
                && fits(entry)
                && (search.pressure == Pressure::Crowded || !own(entry))
        };
        // Whose connection shows no grant waits for others like it to fall quiet.
        let is_stranger = *origin == Origin::Unknown && search.pressure == Pressure::None;
        let is_above = |entry: &Entry| is_stranger && self.shows_grant(entry);
        let ends = search.ends_requests;
        let chosen = |why| move |id| Eviction { id, why };
        self.quiet(|entry| fits(entry) && !is_above(entry))
            .map(chosen(Why::Quiet))
            .or_else(|| self.excess(excess).map(chosen(Why::Excess)))
            .or_else(|| self.stalled(fits, search, now).map(chosen(Why::Stalled)))
            .or_else(|| self.late(fits, now).filter(|_| ends).map(chosen(Why::Late)))
            .or_else(|| self.last(fits).filter(|_| ends).map(chosen(Why::Last)))
    }

    /// Entries that go on and fit, those that end with their answer excepted.
    fn going_on(&self, fits: impl Fn(&Entry) -> bool) -> impl Iterator<Item = (Id, &Entry)> {
        let staying = self.entries.iter().map(|(id, entry)| (*id, entry));
        staying.filter(move |(_, entry)| entry.order == Order::Stay && fits(entry))
    }

    fn shows_grant(&self, entry: &Entry) -> bool {
        matches!(self.origins.of(entry.origin), Origin::Grant(_))
    }

    /// Whoever holds most goes first.
    fn most(&self, entry: &Entry) -> Reverse<usize> {
        Reverse(self.origins[entry.origin].held)
    }

    /// The oldest that asks nothing, first of all of those who showed no
    /// grant, and of whoever holds most.
    fn quiet(&self, fits: impl Fn(&Entry) -> bool) -> Option<Id> {
        self.going_on(|entry| entry.activity == Activity::Quiet && fits(entry))
            .min_by_key(|(_, entry)| (self.shows_grant(entry), self.most(entry), entry.since))
            .map(|(id, _)| id)
    }

    /// The newest request that waits because its caller has so many under way.
    fn excess(&self, fits: impl Fn(&Entry) -> bool) -> Option<Id> {
        self.going_on(|entry| entry.activity == Activity::Waiting && fits(entry))
            .min_by_key(|(_, entry)| (self.most(entry), Reverse(entry.since)))
            .map(|(id, _)| id)
    }

    /// Who keeps us waiting longest, of whoever holds most. Under pressure,
    /// nothing is waited for of whoever holds half of all.
    fn stalled(&self, fits: impl Fn(&Entry) -> bool, search: Search, now: Instant) -> Option<Id> {
        let timeout = |entry: &Entry| match search.pressure {
            Pressure::None => STALL,
            _ if self.holds_half(entry.origin) => Duration::ZERO,
            _ => STALL_PRESSED,
        };
        // Where an answer was to be the last, it may be that one that waits.
        let stalled = self.entries.iter().filter(|(_, entry)| {
            let is_stalled =
                |since: Instant| now.saturating_duration_since(since) >= timeout(entry);
            !is_leaving(entry) && fits(entry) && entry.stalled.is_some_and(is_stalled)
        });
        stalled
            .min_by_key(|(_, entry)| (self.most(entry), entry.stalled))
            .map(|(id, _)| *id)
    }

    fn holds_half(&self, origin: OriginId) -> bool {
        self.origins[origin].held >= self.slots.div_ceil(2)
    }

    /// The request that has been under way longest, of whoever holds most.
    fn late(&self, fits: impl Fn(&Entry) -> bool, now: Instant) -> Option<Id> {
        let is_late = |asked: Instant| now.saturating_duration_since(asked) >= LATE;
        let serving = self.entries.iter().filter(|(_, entry)| {
            entry.activity == Activity::Serving
                && !is_leaving(entry)
                && !entry.is_stream
                && fits(entry)
                && entry.asked.is_some_and(is_late)
        });
        serving
            .min_by_key(|(_, entry)| (self.most(entry), entry.asked))
            .map(|(id, _)| *id)
    }

    /// The oldest connection whose answer may be its last.
    fn last(&self, fits: impl Fn(&Entry) -> bool) -> Option<Id> {
        let ends = |entry: &Entry| {
            entry.activity == Activity::Serving
                && !entry.is_stream
                && entry.stalled.is_none()
                && fits(entry)
        };
        self.going_on(ends)
            .min_by_key(|(id, entry)| (self.most(entry), *id))
            .map(|(id, _)| id)
    }

    pub(super) fn evict(&mut self, eviction: Eviction) {
        let Some(entry) = self.entries.get_mut(&eviction.id) else {
            return;
        };
        match eviction.why {
            Why::Quiet => entry.order = Order::Leave,
            Why::Stalled => entry.order = Order::Cut,
            Why::Last => entry.order = Order::Finish,
            Why::Excess | Why::Late => {
                entry.order = Order::Finish;
                self.settle(eviction.id);
                if let Some(entry) = self.entries.get_mut(&eviction.id) {
                    entry.activity = Activity::Refused;
                }
            }
        }
        self.leaving += usize::from(matches!(eviction.why, Why::Quiet | Why::Stalled));
    }
}
