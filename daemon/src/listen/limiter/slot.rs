//! A connection's slot, and what the connection and the limiter tell each other.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::sync::Notify;

use super::connection_table::{ConnectionTable, Id, Order, StreamRefused, Turn};
use super::{ConnectionLimiter, now};
use crate::listen::lazy_timeout::within;

/// How long an answer may take a processor: one that takes longer waits.
const COMPUTES: Duration = Duration::from_millis(10);

/// What a connection and the limiter tell each other.
#[derive(Debug, Default)]
pub(super) struct Link {
    /// Everything that has come was read and is no request, or is one.
    pub(super) is_read: AtomicBool,
    pub(super) ordered: Notify,
    pub(super) turn: Notify,
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
    pub(super) looks: AtomicBool,
    has_unread: AtomicBool,
}

/// A connection's slot; free again when dropped.
#[derive(Debug)]
pub(in crate::listen) struct Slot(pub(super) ConnectionSlot);

/// The slot of the connection a request came on. Handlers find it in the
/// request's extensions.
#[derive(Clone, Debug)]
pub struct ConnectionSlot {
    pub(super) limiter: Arc<ConnectionLimiter>,
    pub(super) id: Id,
    pub(super) link: Arc<Link>,
}

impl Slot {
    pub(in crate::listen) fn handle(&self) -> &ConnectionSlot {
        &self.0
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.limiter.remove(self.0.id);
    }
}

impl ConnectionSlot {
    /// Changes the table, and wakes those whose turn it is then.
    fn change(&self, change: impl FnOnce(&mut ConnectionTable, Id) -> Vec<Id>) {
        let mut state = self.limiter.state.lock();
        let turns = change(&mut state.table, self.id);
        ConnectionLimiter::wake(&state, turns);
    }

    /// Whoever is on this connection has shown a grant: it counts for that
    /// from now on, and goes after those who have shown none.
    pub fn authenticated(&self, grant: &str) {
        self.change(|table, id| table.authenticate(id, grant));
    }

    /// The answer on its way is a stream of events, of which there may be few:
    /// until it ends.
    pub fn stream(&self) -> Result<(), StreamRefused> {
        self.limiter.state.lock().table.stream(self.id)
    }

    /// Returns when there is something to do.
    pub(in crate::listen) async fn ordered(&self) -> Order {
        loop {
            self.link.ordered.notified().await;
            match self.limiter.state.lock().table.order(self.id) {
                Order::Stay => {}
                order => return order,
            }
        }
    }

    /// Whether this connection, told to leave and polled since, does so.
    pub(in crate::listen) fn leaves(&self) -> bool {
        let has_unread = self.link.has_unread.swap(false, Ordering::Relaxed);
        self.link.looks.store(false, Ordering::Relaxed);
        let leaves = self.limiter.state.lock().table.leave(self.id, has_unread);
        if !leaves {
            self.limiter.changed.notify_one();
        }
        leaves
    }

    /// A request has come: returns when it may be answered, and whether. While
    /// it is, it may be turned away where it changes nothing.
    pub(in crate::listen) async fn ask(&self, changes_nothing: bool) -> Turn {
        self.settle();
        let asked = changes_nothing.then(now);
        let has_asked = self.link.has_asked.swap(true, Ordering::Relaxed);
        let (mut turn, is_crowd) = {
            let mut state = self.limiter.state.lock();
            let turn = state.table.ask(self.id, asked);
            (turn, !has_asked && state.table.is_crowd(self.id))
        };
        if is_crowd {
            self.limiter.changed.notify_one();
        }
        if self.is_stalled() {
            self.note_stall();
        }
        // Who sends request upon request, or the first on many connections, does so
        // in turn with everybody else. Whoever waited for this one to come has
        // been passed over already.
        let is_in_a_row = is_crowd || has_asked && !self.link.is_read.load(Ordering::Acquire);
        if is_in_a_row {
            tokio::task::yield_now().await;
            turn = self.turn();
        }
        // What was answered before has to be on its way: who does not read
        // answers gets no more of them.
        if self.link.is_blocked.load(Ordering::Acquire) {
            futures_util::future::poll_fn(|context| self.poll_flushed(context)).await;
            turn = self.turn();
        }
        while turn == Turn::Later {
            self.link.turn.notified().await;
            turn = self.turn();
        }
        turn
    }

    fn turn(&self) -> Turn {
        self.limiter.state.lock().table.turn(self.id)
    }

    /// Returns when there is no more time for the request under way.
    pub(in crate::listen) async fn turned_away(&self) {
        while self.turn() != Turn::Never {
            self.link.turn.notified().await;
        }
    }

    /// Waits for the answer to the request under way. One that takes longer
    /// than answers do that are here already waits for somebody else, and takes
    /// no processor from others.
    pub(in crate::listen) async fn answering<F: Future>(&self, answer: F) -> F::Output {
        let mut answer = pin!(answer);
        if let Ok(output) = within(COMPUTES, answer.as_mut()).await {
            return output;
        }
        self.change(ConnectionTable::parked);
        answer.await
    }

    /// The answer to the request under way has begun.
    pub(in crate::listen) fn begun(&self) {
        self.change(ConnectionTable::begun);
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
    pub(in crate::listen) fn answered(&self) {
        self.link.is_answered.store(true, Ordering::Release);
    }

    /// Everything handed over has been written.
    pub(in crate::listen) fn flushed(&self) {
        if self.link.is_blocked.swap(false, Ordering::AcqRel) {
            self.note_stall();
            self.link.flushed.wake();
        }
        self.settle();
    }

    fn settle(&self) {
        if self.link.is_answered.swap(false, Ordering::AcqRel) {
            let mut state = self.limiter.state.lock();
            let turns = state.table.answered(self.id);
            ConnectionLimiter::wake(&state, turns);
            self.link.is_read.store(false, Ordering::Release);
        }
    }

    /// What is to be written has to wait for the client.
    pub(in crate::listen) fn blocked(&self) {
        if !self.link.is_blocked.swap(true, Ordering::AcqRel) {
            self.note_stall();
        }
    }

    /// The rest of the request has to be waited for, or does no more.
    pub(in crate::listen) fn short(&self, is_short: bool) {
        if self.link.is_short.swap(is_short, Ordering::AcqRel) != is_short {
            self.note_stall();
        }
    }

    fn is_stalled(&self) -> bool {
        let is_set = |flag: &AtomicBool| flag.load(Ordering::Acquire);
        is_set(&self.link.is_blocked) || is_set(&self.link.is_short)
    }

    fn note_stall(&self) {
        let since = self.is_stalled().then(now);
        self.change(|table, id| table.stall(id, since));
        self.limiter.changed.notify_one();
    }

    /// Everything that has come was read, as far as tokio knows; `has_unread`
    /// tells whether the system knows better.
    pub(in crate::listen) fn read(&self, has_unread: impl FnOnce() -> bool) {
        if !self.link.is_read.swap(true, Ordering::AcqRel) {
            self.limiter.state.lock().table.rests(self.id);
            self.limiter.changed.notify_one();
        }
        if self.link.looks.load(Ordering::Relaxed) {
            self.link.has_unread.store(has_unread(), Ordering::Relaxed);
        }
    }
}
