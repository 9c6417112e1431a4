//! Slots for connections, kept for those who ask.
//!
//! Where none is free, a newcomer gets that of the oldest connection that asks
//! nothing, of whoever holds most. A request that was received is answered, but
//! may be told to come again. Only who does not read answers, or send the rest
//! of a request, is cut off.

mod book;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use tokio::sync::Notify;

pub(in crate::listen) use self::book::{Order, Turn};
pub use self::book::{Origin, StreamRefused};

use self::book::{Admission, Book, Eviction, Id, Search, Why};
use crate::metrics::ConnectionMeter;
use crate::raw;

/// How long newcomers wait before requests of their own caller are ended.
const PATIENCE: Duration = Duration::from_millis(250);

/// How long it is remembered that they waited in vain.
const PRESSURE: Duration = Duration::from_secs(1);

/// How often to look for somebody who has begun to keep us waiting, and the
/// least time between two requests being ended for one newcomer.
const LOOK: Duration = Duration::from_millis(50);

/// From how many connections on memory is given back once most have gone.
const CROWD: usize = 64;

/// Who may hold which slot of a listener.
#[derive(Debug)]
pub(super) struct ConnectionLimiter {
    state: Mutex<State>,
    /// Somebody has gone, or has nothing more to ask.
    changed: Notify,
    meter: ConnectionMeter,
}

#[derive(Debug)]
struct State {
    book: Book,
    links: HashMap<Id, Arc<Link>>,
    /// When a newcomer last waited in vain, or for somebody to be found while
    /// that was not long ago.
    pressed: Option<Instant>,
    /// The most connections since memory was last given back.
    peak: usize,
}

/// What a connection and the limiter tell each other.
#[derive(Debug, Default)]
struct Link {
    /// Everything that has come was read and is no request, or is one.
    is_read: AtomicBool,
    ordered: Notify,
    turn: Notify,
    /// A request has come before.
    has_asked: AtomicBool,
    /// The last answer was handed over and has not been flushed yet.
    is_answered: AtomicBool,
    /// Bytes of an answer wait for the client.
    is_blocked: AtomicBool,
    /// The rest of a request is waited for.
    is_short: AtomicBool,
    flushed: AtomicWaker,
    /// Told to leave: reads look for what tokio does not know of yet.
    looks: AtomicBool,
    has_unread: AtomicBool,
}

/// A connection that has no slot yet.
struct Newcomer {
    origin: Origin,
    began: Instant,
    /// When a request was last ended for it.
    ended: Option<Instant>,
}

/// A connection's slot; free again when dropped.
#[derive(Debug)]
pub(super) struct Slot(ConnectionSlot);

/// The slot of the connection a request came on. Handlers find it in the
/// request's extensions.
#[derive(Clone, Debug)]
pub struct ConnectionSlot {
    limiter: Arc<ConnectionLimiter>,
    id: Id,
    link: Arc<Link>,
}

/// The clock that timers go by.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl ConnectionLimiter {
    pub(super) fn new(slots: usize, meter: ConnectionMeter) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                book: Book::new(slots),
                links: HashMap::new(),
                pressed: None,
                peak: 0,
            }),
            changed: Notify::new(),
            meter,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A slot for a newcomer, as soon as there is one.
    pub(super) async fn admit(self: &Arc<Self>, origin: Origin) -> Slot {
        let mut newcomer = Newcomer {
            origin,
            began: now(),
            ended: None,
        };
        loop {
            let ended = newcomer.ended;
            if let Some(slot) = self.try_admit(&mut newcomer) {
                return slot;
            }
            if newcomer.ended != ended {
                continue;
            }
            // Looks again also where nothing changes: clients may begin to
            // keep us waiting.
            let _ = tokio::time::timeout(LOOK, self.changed.notified()).await;
        }
    }

    fn try_admit(self: &Arc<Self>, newcomer: &mut Newcomer) -> Option<Slot> {
        let now = now();
        let since = |at: Instant| now.saturating_duration_since(at);
        let mut state = self.state();
        let is_pressed = since(newcomer.began) >= PATIENCE
            || state.pressed.is_some_and(|at| since(at) < PRESSURE);
        let search = Search {
            ends_requests: newcomer.ended.is_none_or(|at| since(at) >= LOOK),
            // Who does not read its answer may not close.
            is_owed: newcomer.ended.is_some_and(|at| since(at) < PATIENCE),
            is_pressed,
        };
        match state.book.admit(&newcomer.origin, search, now) {
            Admission::Slot { id, evicted } => {
                self.tell(&state, evicted);
                let link = Arc::<Link>::default();
                state.links.insert(id, Arc::clone(&link));
                state.peak = state.peak.max(state.book.open());
                self.meter.opened();
                Some(Slot(ConnectionSlot {
                    limiter: Arc::clone(self),
                    id,
                    link,
                }))
            }
            Admission::Later(evicted) => {
                if is_pressed {
                    state.pressed = Some(now);
                }
                self.tell(&state, evicted);
                if evicted.is_some_and(Eviction::ends_a_request) {
                    newcomer.ended = Some(now);
                }
                None
            }
        }
    }

    /// Asks somebody who asks nothing to go, because descriptors are scarce,
    /// and waits for a moment. Whether there was anybody.
    pub(super) async fn shed(&self) -> bool {
        let evicted = {
            let mut state = self.state();
            let evicted = state.book.shed();
            self.tell(&state, evicted);
            evicted
        };
        if evicted.is_some() {
            let _ = tokio::time::timeout(LOOK, self.changed.notified()).await;
        }
        evicted.is_some()
    }

    fn tell(&self, state: &State, eviction: Option<Eviction>) {
        let Some(Eviction { id, why }) = eviction else {
            return;
        };
        self.meter.evicted(match why {
            Why::Quiet => "quiet",
            Why::Excess => "excess",
            Why::Stalled => "stalled",
            Why::Late => "late",
            Why::Last => "last",
        });
        if let Some(link) = state.links.get(&id) {
            link.looks.store(why == Why::Quiet, Ordering::Relaxed);
            link.ordered.notify_one();
            link.turn.notify_one();
        }
    }

    fn wake(state: &State, turns: Vec<Id>) {
        for id in turns {
            if let Some(link) = state.links.get(&id) {
                link.turn.notify_one();
            }
        }
    }

    fn remove(&self, id: Id) {
        let mut state = self.state();
        let turns = state.book.remove(id);
        state.links.remove(&id);
        Self::wake(&state, turns);
        let open = state.book.open();
        let is_over = state.peak >= CROWD && open <= state.peak / 8;
        if is_over {
            state.peak = open;
            state.links.shrink_to_fit();
        }
        drop(state);
        self.meter.closed();
        self.changed.notify_one();
        if is_over && let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn_blocking(raw::give_free_memory_back);
        }
    }
}

impl Slot {
    pub(super) fn handle(&self) -> &ConnectionSlot {
        &self.0
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.limiter.remove(self.0.id);
    }
}

impl ConnectionSlot {
    /// Whoever is on this connection has shown a grant: it counts for that
    /// from now on, and goes after those who have shown none.
    pub fn authenticated(&self, grant: &str) {
        let mut state = self.limiter.state();
        let turns = state.book.authenticate(self.id, grant);
        ConnectionLimiter::wake(&state, turns);
    }

    /// The answer on its way is a stream of events, of which there may be few:
    /// until it ends.
    pub fn stream(&self) -> Result<(), StreamRefused> {
        self.limiter.state().book.stream(self.id)
    }

    /// Returns when there is something to do.
    pub(super) async fn ordered(&self) -> Order {
        loop {
            self.link.ordered.notified().await;
            match self.limiter.state().book.order(self.id) {
                Order::Stay => {}
                order => return order,
            }
        }
    }

    /// Whether this connection, told to leave and polled since, does so.
    pub(super) fn leaves(&self) -> bool {
        let has_unread = self.link.has_unread.swap(false, Ordering::Relaxed);
        self.link.looks.store(false, Ordering::Relaxed);
        let leaves = self.limiter.state().book.leave(self.id, has_unread);
        if !leaves {
            self.limiter.changed.notify_one();
        }
        leaves
    }

    /// A request has come: returns when it may be answered, and whether. While
    /// it is, it may be turned away where it changes nothing.
    pub(super) async fn ask(&self, changes_nothing: bool) -> Turn {
        self.settle();
        let asked = changes_nothing.then(now);
        self.limiter.state().book.ask(self.id, asked);
        self.note_stall();
        // Who sends request upon request does so in turn with everybody else.
        if self.link.has_asked.swap(true, Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
        // What was answered before has to be on its way: who does not read
        // answers gets no more of them.
        futures_util::future::poll_fn(|context| self.poll_flushed(context)).await;
        loop {
            let turn = self.limiter.state().book.turn(self.id);
            if turn != Turn::Later {
                return turn;
            }
            self.link.turn.notified().await;
        }
    }

    /// Returns when there is no more time for the request under way.
    pub(super) async fn turned_away(&self) {
        while self.limiter.state().book.turn(self.id) != Turn::Never {
            self.link.turn.notified().await;
        }
    }

    /// The answer to the request under way has begun.
    pub(super) fn begun(&self) {
        self.limiter.state().book.begun(self.id);
    }

    fn poll_flushed(&self, context: &Context<'_>) -> Poll<()> {
        if !self.link.is_blocked.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        self.link.flushed.register(context.waker());
        if self.link.is_blocked.load(Ordering::Acquire) {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }

    /// The answer has been handed over whole.
    pub(super) fn answered(&self) {
        self.link.is_answered.store(true, Ordering::Release);
    }

    /// Everything handed over has been written.
    pub(super) fn flushed(&self) {
        if self.link.is_blocked.swap(false, Ordering::AcqRel) {
            self.note_stall();
            self.link.flushed.wake();
        }
        self.settle();
    }

    fn settle(&self) {
        if self.link.is_answered.swap(false, Ordering::AcqRel) {
            let mut state = self.limiter.state();
            let turns = state.book.answered(self.id);
            ConnectionLimiter::wake(&state, turns);
            self.link.is_read.store(false, Ordering::Release);
        }
    }

    /// What is to be written has to wait for the client.
    pub(super) fn blocked(&self) {
        if !self.link.is_blocked.swap(true, Ordering::AcqRel) {
            self.note_stall();
        }
    }

    /// The rest of the request has to be waited for, or does no more.
    pub(super) fn short(&self, is_short: bool) {
        if self.link.is_short.swap(is_short, Ordering::AcqRel) != is_short {
            self.note_stall();
        }
    }

    fn note_stall(&self) {
        let is_set = |flag: &AtomicBool| flag.load(Ordering::Acquire);
        let is_stalled = is_set(&self.link.is_blocked) || is_set(&self.link.is_short);
        let since = is_stalled.then(now);
        let mut state = self.limiter.state();
        let turns = state.book.stall(self.id, since);
        ConnectionLimiter::wake(&state, turns);
        self.limiter.changed.notify_one();
    }

    /// Everything that has come was read, as far as tokio knows; `has_unread`
    /// tells whether the system knows better.
    pub(super) fn read(&self, has_unread: impl FnOnce() -> bool) {
        if !self.link.is_read.swap(true, Ordering::AcqRel) {
            self.limiter.state().book.rests(self.id);
            self.limiter.changed.notify_one();
        }
        if self.link.looks.load(Ordering::Relaxed) {
            self.link.has_unread.store(has_unread(), Ordering::Relaxed);
        }
    }
}
