//! Slots for connections, kept for those who ask.
//!
//! Where none is free, a newcomer gets that of the oldest connection that asks
//! nothing, of whoever holds most. A request that was received is answered, but
//! may be told to come again. Only who does not read answers, or send the rest
//! of a request, is cut off.

mod connection_table;
mod slot;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

pub(in crate::listen) use self::connection_table::{Order, Turn};
pub use self::connection_table::{Origin, StreamRefused};
pub use self::slot::ConnectionSlot;
pub(in crate::listen) use self::slot::Slot;

use self::connection_table::{
    Admission, ConnectionTable, Eviction, Id, PACE, Pressure, Search, Why,
};
use self::slot::Link;
use crate::metrics::ConnectionMeter;
use crate::raw;

/// How long newcomers wait before nobody may keep us waiting for long.
const TIMEOUT: Duration = Duration::from_millis(250);

/// How long it is remembered that they waited in vain.
const PRESSURE: Duration = Duration::from_secs(1);

/// The least time between two requests being ended for one newcomer, and the
/// longest that somebody who is shed is waited for.
const LOOK: Duration = Duration::from_millis(50);

/// How long whoever has just connected may take to ask something.
const FIRST_WORD: Duration = Duration::from_millis(50);

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

#[derive(Debug, Default)]
struct State {
    table: ConnectionTable,
    links: HashMap<Id, Arc<Link>>,
    /// When a newcomer last waited in vain, or for somebody to be found while
    /// that was not long ago.
    pressed: Option<Instant>,
    /// The most connections since memory was last given back.
    peak: usize,
}

/// A connection that has no slot yet.
#[derive(Debug)]
pub(super) struct Newcomer {
    origin: Origin,
    began: Instant,
    /// When a request was last ended for it.
    ended: Option<Instant>,
}

impl Newcomer {
    pub(super) fn new(origin: Origin) -> Self {
        Self {
            origin,
            began: now(),
            ended: None,
        }
    }

    /// Whether it has had no time yet to say what it asks.
    pub(super) fn is_new(&self) -> bool {
        now().saturating_duration_since(self.began) < FIRST_WORD
    }
}

/// The clock that timers go by.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl ConnectionLimiter {
    pub(super) fn new(slots: usize, meter: ConnectionMeter) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                table: ConnectionTable::new(slots),
                ..State::default()
            }),
            changed: Notify::new(),
            meter,
        })
    }

    /// Slots that `origin` holds.
    pub(super) fn held(&self, origin: &Origin) -> usize {
        self.state.lock().table.held(origin)
    }

    /// Returns when somebody has gone or has nothing more to ask, and after a
    /// moment in any case: clients may have begun to keep us waiting, or a crowd
    /// may go on.
    pub(super) async fn changed(&self) {
        let _ = tokio::time::timeout(PACE, self.changed.notified()).await;
    }

    /// One of those that wait was hung up on.
    pub(super) fn hung_up(&self) {
        self.meter.evicted("surplus");
    }

    /// A slot for a newcomer, if there is one. `is_crowded` tells whether many
    /// of its origin wait: they are worth requests of their own.
    pub(super) fn admit(
        self: &Arc<Self>,
        newcomer: &mut Newcomer,
        is_crowded: bool,
    ) -> Option<Slot> {
        let now = now();
        let since = |at: Instant| now.saturating_duration_since(at);
        let mut state = self.state.lock();
        let is_pressed = since(newcomer.began) >= TIMEOUT
            || state.pressed.is_some_and(|at| since(at) < PRESSURE);
        let search = Search {
            ends_requests: newcomer.ended.is_none_or(|at| since(at) >= LOOK),
            // Who does not read its answer may not close.
            is_owed: newcomer.ended.is_some_and(|at| since(at) < TIMEOUT),
            pressure: match (is_crowded, is_pressed) {
                (true, _) => Pressure::Crowded,
                (false, true) => Pressure::Waited,
                (false, false) => Pressure::None,
            },
        };
        match state.table.admit(&newcomer.origin, search, now) {
            Admission::Slot { id, evicted } => {
                self.tell(&state, evicted);
                let link = Arc::<Link>::default();
                state.links.insert(id, Arc::clone(&link));
                state.peak = state.peak.max(state.table.open());
                self.meter.opened();
                let limiter = Arc::clone(self);
                Some(Slot(ConnectionSlot { limiter, id, link }))
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
            let mut state = self.state.lock();
            let evicted = state.table.shed();
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
        let mut state = self.state.lock();
        let turns = state.table.remove(id);
        state.links.remove(&id);
        Self::wake(&state, turns);
        let open = state.table.open();
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
