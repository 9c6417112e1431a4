//! Who holds which slot, and who has to go: decisions alone, without tasks,
//! sockets or a clock of its own.

mod eviction;
mod origins;
mod streams;
mod tally;
mod under_way;

use std::collections::BTreeMap;
use std::time::Instant;

use crate::listen::descriptor_budget;

pub(super) use self::eviction::{Eviction, Pressure, Search, Why};
pub use self::origins::Origin;
pub use self::streams::StreamRefused;
pub(super) use self::tally::PACE;

use self::origins::{OriginId, Origins};
use self::tally::Tally;

/// Connections of a crowd that get a slot before the first of them is looked at.
const NEW_OF_CROWD: usize = 16;

/// The name of a slot, in order of arrival.
pub(super) type Id = u64;

/// What a connection is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::listen) enum Order {
    /// Go on.
    Stay,
    /// Close, unless a request has come meanwhile.
    Leave,
    /// Close at once.
    Cut,
    /// Close once what was asked is answered.
    Finish,
}

/// What becomes of a request that has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::listen) enum Turn {
    /// It is answered now.
    Now,
    /// It waits until its origin has less under way.
    Later,
    /// There is no time for it: its slot is needed.
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Activity {
    /// It was just made, or the last answer sent: whether a request has come
    /// since is not known yet.
    Fresh,
    /// Nothing is asked: everything that has come was read, and is no request.
    Quiet,
    /// A request has come and waits.
    Waiting,
    /// A request is being answered.
    Serving,
    /// A request will be told that there is no time for it.
    Refused,
}

/// What a request counts for in its origin's share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Load {
    None,
    /// It is under way, and waits for somebody else.
    UnderWay,
    /// It is under way and takes up a processor, as far as is known.
    Running,
}

#[derive(Debug)]
struct Entry {
    origin: OriginId,
    load: Load,
    activity: Activity,
    /// Since when, in the order of things.
    since: u64,
    /// Since when it is the client who keeps us waiting in the middle of a
    /// request or an answer.
    stalled: Option<Instant>,
    /// Since when a request has been under way that changes nothing and whose
    /// answer has not begun.
    asked: Option<Instant>,
    order: Order,
    /// It was told to leave once and had just been asked something.
    has_stayed: bool,
    is_stream: bool,
    /// What it says has not been looked at yet.
    is_new: bool,
}

/// The slots of a listener.
#[derive(Debug, Default)]
pub(super) struct ConnectionTable {
    slots: usize,
    entries: BTreeMap<Id, Entry>,
    origins: Origins<Tally>,
    /// Told to close and not gone yet.
    leaving: usize,
    serving: usize,
    running: usize,
    waiting: usize,
    streams: usize,
    next: u64,
}

/// What a newcomer gets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// A slot, and whose it was where none was free.
    Slot { id: Id, evicted: Option<Eviction> },
    /// Nothing now. Somebody may have been told to finish.
    Later(Option<Eviction>),
}

impl ConnectionTable {
    pub(super) fn new(slots: usize) -> Self {
        Self {
            slots: slots.max(1),
            ..Self::default()
        }
    }

    /// Connections that are there, those told to close included.
    pub(super) fn open(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is counted any more.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let counts = [self.leaving, self.serving, self.running, self.waiting];
        self.entries.is_empty() && self.origins.is_empty() && counts == [0; 4] && self.streams == 0
    }

    /// A slot for a newcomer of `origin`: a free one, or that of whom it is
    /// least needed by.
    pub(super) fn admit(&mut self, origin: &Origin, search: Search, now: Instant) -> Admission {
        if self.is_let_in_slowly(origin) {
            return Admission::Later(None);
        }
        let leeway = descriptor_budget::leeway(self.slots);
        let mut evicted = None;
        let is_full = self.entries.len() >= self.slots + leeway;
        if self.staying() >= self.slots && (is_full || !search.is_owed) {
            if self.leaving >= leeway {
                return Admission::Later(None);
            }
            let greedy = self.greedy(origin);
            if greedy.is_some_and(|id| !self.origins[id].may_replace(now)) {
                return Admission::Later(None);
            }
            let Some(eviction) = self.victim(origin, search, now) else {
                return Admission::Later(None);
            };
            self.evict(eviction);
            if let Some(id) = greedy {
                self.origins[id].replaced += 1;
            }
            evicted = Some(eviction);
        }
        if is_full {
            return Admission::Later(evicted);
        }
        let (id, since) = (self.tick(), self.next);
        let origin = self.origins.enter(origin);
        let entry = Entry {
            origin,
            load: Load::None,
            activity: Activity::Fresh,
            since,
            stalled: None,
            asked: None,
            order: Order::Stay,
            has_stayed: false,
            is_stream: false,
            is_new: true,
        };
        self.entries.insert(id, entry);
        let tally = &mut self.origins[origin];
        tally.held += 1;
        tally.new += 1;
        Admission::Slot { id, evicted }
    }

    /// What `id` is told to do.
    pub(super) fn order(&self, id: Id) -> Order {
        self.entries
            .get(&id)
            .map_or(Order::Cut, |entry| entry.order)
    }

    /// `id` was told to leave and looked whether it may: whether it does.
    /// Who has been asked something in the meantime stays, but not twice.
    pub(super) fn leave(&mut self, id: Id, has_unread: bool) -> bool {
        let now = self.tick();
        let Some(entry) = self.entries.get_mut(&id) else {
            return true;
        };
        if entry.order != Order::Leave {
            return false;
        }
        if !has_unread || entry.has_stayed {
            return true;
        }
        (entry.order, entry.has_stayed, entry.since) = (Order::Stay, true, now);
        self.leaving -= 1;
        false
    }

    /// Whether `origin` is a crowd of whom many have just got a slot: whoever
    /// comes next stands behind no more of them.
    fn is_let_in_slowly(&self, origin: &Origin) -> bool {
        self.origins.id(origin).is_some_and(|origin| {
            self.holds_crowd(origin) && self.origins[origin].new >= NEW_OF_CROWD
        })
    }

    /// `origin`, if it holds more than half of all slots: it makes room for its
    /// own newcomers itself.
    fn greedy(&self, origin: &Origin) -> Option<OriginId> {
        let id = self.origins.id(origin)?;
        (2 * self.origins[id].held > self.slots).then_some(id)
    }

    /// `id` is looked at.
    fn look(&mut self, id: Id) {
        if let Some(entry) = self.entries.get_mut(&id)
            && std::mem::take(&mut entry.is_new)
        {
            self.origins[entry.origin].new -= 1;
        }
    }

    /// Everything that has come on `id` was read, and is no request.
    pub(super) fn rests(&mut self, id: Id) {
        self.look(id);
        if let Some(entry) = self.entries.get_mut(&id)
            && entry.activity == Activity::Fresh
        {
            entry.activity = Activity::Quiet;
        }
    }

    /// A request has arrived on `id`; `asked` is when, where it changes nothing.
    pub(super) fn ask(&mut self, id: Id, asked: Option<Instant>) -> Turn {
        let now = self.tick();
        self.look(id);
        let Some(entry) = self.entries.get_mut(&id) else {
            return Turn::Never;
        };
        if entry.order == Order::Leave {
            entry.order = Order::Stay;
            self.leaving -= 1;
        }
        entry.has_stayed = false;
        (entry.activity, entry.since) = (Activity::Waiting, now);
        entry.asked = asked;
        let origin = entry.origin;
        self.waiting += 1;
        self.origins[origin].waiting.insert((now, id));
        if self.has_turn(origin) {
            self.serve(id);
            Turn::Now
        } else {
            Turn::Later
        }
    }

    /// What has become of a request that waits.
    pub(super) fn turn(&self, id: Id) -> Turn {
        match self.entries.get(&id).map(|entry| entry.activity) {
            Some(Activity::Serving) => Turn::Now,
            Some(Activity::Waiting) => Turn::Later,
            _ => Turn::Never,
        }
    }

    /// The answer of `id` is on its way. Whose turn it is now.
    pub(super) fn answered(&mut self, id: Id) -> Vec<Id> {
        let now = self.tick();
        self.settle(id);
        if let Some(entry) = self.entries.get_mut(&id) {
            (entry.activity, entry.since) = (Activity::Fresh, now);
            entry.stalled = None;
        }
        self.next_turns()
    }

    /// `id` has shown a grant: it counts for that from now on.
    pub(super) fn authenticate(&mut self, id: Id, grant: &str) -> Vec<Id> {
        self.look(id);
        let Some(entry) = self.entries.get_mut(&id) else {
            return Vec::new();
        };
        if matches!(self.origins.of(entry.origin), Origin::Grant(known) if known == grant) {
            return Vec::new();
        }
        let is_serving = usize::from(entry.load >= Load::UnderWay);
        let is_running = usize::from(entry.load == Load::Running);
        let streams = usize::from(entry.is_stream);
        let waiting = (entry.activity == Activity::Waiting).then_some((entry.since, id));
        let new = self.origins.enter(&Origin::Grant(grant.to_owned()));
        let old = std::mem::replace(&mut entry.origin, new);
        let tally = &mut self.origins[old];
        tally.held -= 1;
        tally.serving -= is_serving;
        tally.running -= is_running;
        tally.streams -= streams;
        if let Some(waiting) = &waiting {
            tally.waiting.remove(waiting);
        }
        self.forget(old);
        let tally = &mut self.origins[new];
        tally.held += 1;
        tally.serving += is_serving;
        tally.running += is_running;
        tally.streams += streams;
        tally.waiting.extend(waiting);
        self.next_turns()
    }

    /// `id` is gone. Whose turn it is now.
    pub(super) fn remove(&mut self, id: Id) -> Vec<Id> {
        self.settle(id);
        self.look(id);
        if let Some(entry) = self.entries.remove(&id) {
            self.leaving -= usize::from(is_leaving(&entry));
            self.origins[entry.origin].held -= 1;
            self.forget(entry.origin);
        }
        self.next_turns()
    }

    fn tick(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn staying(&self) -> usize {
        self.entries.len() - self.leaving
    }

    fn forget(&mut self, origin: OriginId) {
        if self.origins[origin].held == 0 {
            self.origins.remove(origin);
        }
    }

    /// Slots that `origin` holds.
    pub(super) fn held(&self, origin: &Origin) -> usize {
        self.origins
            .id(origin)
            .map_or(0, |origin| self.origins[origin].held)
    }

    /// Takes a request of `id` out of every count.
    fn settle(&mut self, id: Id) {
        self.set_load(id, Load::None);
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        let origin = entry.origin;
        let was = std::mem::replace(&mut entry.activity, Activity::Fresh);
        let was_stream = std::mem::take(&mut entry.is_stream);
        let since = entry.since;
        if was == Activity::Waiting {
            self.waiting -= 1;
            self.origins[origin].waiting.remove(&(since, id));
        }
        if was_stream {
            self.streams -= 1;
            self.origins[origin].streams -= 1;
        }
    }
}

fn is_leaving(entry: &Entry) -> bool {
    matches!(entry.order, Order::Leave | Order::Cut)
}
