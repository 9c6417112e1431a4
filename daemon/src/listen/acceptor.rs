//! Where connections come in.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use rustix::io::Errno;

use super::descriptor_budget::WaitingLimit;
use super::limiter::{ConnectionLimiter, Origin, Slot};
use super::tracked::Stream;
use super::waiting_queue::WaitingQueue;
use super::{Caller, Listener};

/// How long to wait where nothing can be accepted, at first.
const LEAST_PAUSE: Duration = Duration::from_millis(10);

/// Connections that are let in before one of them is served.
const TOGETHER: usize = 1024;

/// Where connections come in: they are accepted at once, whoever else waits for
/// a slot.
#[derive(Debug)]
pub(super) struct Acceptor<C> {
    limiter: Arc<ConnectionLimiter>,
    waiting: WaitingQueue<C>,
    pause: Duration,
}

impl<Io: Stream, C: Caller> Acceptor<(Io, C)> {
    /// `waiting` is how many connections may wait.
    pub(super) fn new(limiter: Arc<ConnectionLimiter>, waiting: WaitingLimit) -> Self {
        Self {
            limiter,
            waiting: WaitingQueue::new(waiting),
            pause: LEAST_PAUSE,
        }
    }

    /// The next connection that gets a slot.
    pub(super) async fn next<L: Listener<Io = Io, Caller = C>>(
        &mut self,
        listener: &mut L,
    ) -> ((Io, C), Slot) {
        loop {
            // Whoever comes next stands in the kernel's queue behind all that
            // are there: they are let in before any of them is served.
            for _ in 0..TOGETHER {
                let accepted = tokio::task::unconstrained(listener.accept());
                let Some(accepted) = accepted.now_or_never() else {
                    break;
                };
                let is_error = accepted.is_err();
                self.enter(accepted).await;
                if self.waiting.is_over() && self.drop_one() {
                    tracing::debug!("hung up on one of too many that wait");
                }
                if is_error {
                    break;
                }
            }
            if let Some(admitted) = self.admit() {
                return admitted;
            }
            tokio::select! {
                biased;
                accepted = listener.accept() => self.enter(accepted).await,
                () = self.limiter.changed(), if !self.waiting.is_empty() => {}
            }
        }
    }

    fn admit(&mut self) -> Option<((Io, C), Slot)> {
        let (limiter, is_crowded) = (&self.limiter, self.waiting.is_crowded());
        self.waiting.next(
            |origin| limiter.held(origin),
            |newcomer| limiter.admit(newcomer, is_crowded),
        )
    }

    /// Hangs up on one that waits, if any does.
    fn drop_one(&mut self) -> bool {
        let limiter = &self.limiter;
        let held = |origin: &Origin| limiter.held(origin);
        let asks = |(io, _): &(Io, C)| io.has_unread();
        let is_gone = self.waiting.drop_one(held, asks).is_some();
        if is_gone {
            limiter.hung_up();
        }
        is_gone
    }

    async fn enter(&mut self, accepted: io::Result<(Io, C)>) {
        match accepted {
            Ok((io, caller)) => {
                self.pause = LEAST_PAUSE;
                self.waiting.enter(caller.origin(), (io, caller));
            }
            Err(error) if is_of_one_connection(&error) => {}
            // Out of descriptors or memory: whoever waits or asks nothing gives
            // its own. Else the connection stays in the backlog, and asking
            // again at once would only burn time.
            Err(error) => {
                if self.drop_one() || self.limiter.shed().await {
                    tracing::debug!(%error, "a connection is closed for another");
                    return;
                }
                tracing::warn!(%error, "cannot accept connections for now");
                tokio::time::sleep(self.pause).await;
                self.pause = (self.pause * 2).min(Duration::from_secs(1));
            }
        }
    }
}

/// Whether only the connection being accepted failed.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::CONNABORTED | Errno::CONNRESET | Errno::INTR)
    )
}
