//! A value that expires, kept fresh for everyone: the mechanism behind access
//! tokens, stack credentials and assumed-role credentials.
//!
//! * One detached task fetches, never a caller's future: a caller that hangs
//!   up loses nothing.
//! * Everyone who asks meanwhile shares its outcome.
//! * A failure keeps what is still valid; only a definite refusal evicts.
//! * A [`Source`] persists what must survive before it returns, so nothing is
//!   published that is not on disk.

mod backoff;
mod cached;
mod freshness;
mod idle;
#[cfg(test)]
mod interleavings;
mod random;
mod single_flight;
mod state;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use quilt_proto::Timestamp;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

pub(crate) use self::backoff::retry_after_seconds;
pub use self::freshness::Policy;
use self::single_flight::{FetchState, Inner};
use self::state::FetchReceiver;
use crate::changes::Changes;
use crate::checked_sync::{Scoped, scoped};
use crate::clock::SharedClock;
use crate::metrics::RefreshMeter;

/// Every pause on this thread is the longest that could be drawn.
#[cfg(test)]
pub(crate) fn without_jitter() {
    draw_from(|| 1.0);
}

#[cfg(test)]
pub(crate) use self::random::draw_from;

/// Something with an end.
pub trait Expires: Clone + Send + Sync + 'static {
    /// When it stops working, by the issuer's clock.
    fn expires_at(&self) -> Timestamp;
}

/// Why a fetch brought nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure<E> {
    /// It may work later: what is held stays, and attempts go on.
    Transient(E),
    /// The issuer said no, which it may take back: what is held is dropped, no
    /// caller causes an attempt, and the issuer is probed ever more rarely.
    Refused(E),
    /// The issuer said no for good: what is held is dropped, and nobody asks
    /// again until [`Refresher::reset`] or [`Refresher::publish`].
    Definite(E),
}

/// Where fresh values come from.
#[async_trait]
pub trait Source: Send + Sync + 'static {
    /// What is kept fresh.
    type Value: Expires;
    /// Why it could not be.
    type Error: Clone + fmt::Display + Send + Sync + 'static;

    /// Brings a value newer than `held`. Runs in a task of its own that no
    /// caller can cancel, one at a time per generation.
    async fn fetch(&self, held: Option<Self::Value>) -> Result<Self::Value, Failure<Self::Error>>;

    /// Whether it is kept fresh although nobody asks for it.
    fn is_in_use(&self) -> bool {
        true
    }

    /// For how many seconds the issuer said that it is not to be asked again.
    fn retry_after(_error: &Self::Error) -> Option<u32> {
        None
    }

    /// Finds out whether the issuer has taken a [`Failure::Refused`] back.
    async fn probe(&self) -> Result<Self::Value, Failure<Self::Error>> {
        self.fetch(None).await
    }
}

/// Why [`Refresher::value`] has nothing to give.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefreshError<E: fmt::Display> {
    /// The source failed.
    #[error("{0}")]
    Source(E),
    /// The source did not answer within the caller's timeout; the fetch goes on.
    #[error("no answer in time")]
    Slow,
    /// The daemon is stopping, or the fetch crashed.
    #[error("the refresh was interrupted")]
    Interrupted,
}

impl<E: fmt::Display> RefreshError<E> {
    /// The source's error, or what these say in its place.
    pub fn or(self, slow: impl FnOnce() -> E, interrupted: impl FnOnce() -> E) -> E {
        match self {
            Self::Source(error) => error,
            Self::Slow => slow(),
            Self::Interrupted => interrupted(),
        }
    }
}

/// What a [`Refresher`] holds, for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot<V, E> {
    /// The value held, valid or not.
    pub value: Option<V>,
    /// When it will be replaced ahead of time.
    pub refresh_at: Option<Timestamp>,
    /// Why the last attempt failed; cleared by a success.
    pub last_error: Option<E>,
}

/// What a [`Refresher`] lives by, and who watches it.
pub struct RefreshContext {
    /// Time.
    pub clock: SharedClock,
    /// Where fetches run, so that a stopping daemon can wait for them.
    pub tasks: TaskTracker,
    /// Counts fetches.
    pub meter: RefreshMeter,
    /// Told when what is held changes.
    pub changes: Changes,
}

/// Keeps one value fresh. Dropping it stops the schedule, not a fetch under way.
pub struct Refresher<S: Source> {
    inner: Arc<Inner<S>>,
    _schedule: Scoped<()>,
}

impl<S: Source> Refresher<S> {
    /// Holds nothing yet; the first [`Self::value`] fetches. Must be called
    /// inside a tokio runtime.
    pub fn new(source: S, policy: Policy, context: Arc<RefreshContext>) -> Self {
        let inner = Arc::new(Inner::new(source, policy, context));
        let schedule = scoped(refresh_ahead(Arc::clone(&inner)));
        Self {
            inner,
            _schedule: schedule,
        }
    }

    /// Where the values come from.
    pub fn source(&self) -> &S {
        &self.inner.source
    }

    /// A value by the freshness promise of the policy: fetched when what is
    /// held is too old, else what is held; while the source cannot deliver,
    /// what is held as long as it is valid.
    pub async fn value(&self, timeout: Duration) -> Result<S::Value, RefreshError<S::Error>> {
        let pending = match self.inner.ask() {
            Ok(value) => return Ok(value),
            Err(FetchState::Failed(error)) => return Err(RefreshError::Source(error)),
            Err(FetchState::Pending(pending)) => pending,
        };
        let outcome = self.fetched(pending, || self.inner.ask(), timeout).await;
        outcome.or_else(|error| self.inner.valid_value().ok_or(error))
    }

    /// A value other than `refused`, which the issuer no longer accepts though
    /// it looks valid. Fetches unless somebody already did.
    pub async fn replace(
        &self,
        refused: impl Fn(&S::Value) -> bool + Send + Sync,
        timeout: Duration,
    ) -> Result<S::Value, RefreshError<S::Error>> {
        let ask = || self.inner.ask_other(&refused);
        match ask() {
            Ok(value) => Ok(value),
            Err(FetchState::Failed(error)) => Err(RefreshError::Source(error)),
            Err(FetchState::Pending(pending)) => self.fetched(pending, ask, timeout).await,
        }
    }

    /// What a fetch brings. Where that was over before it was asked for, as when
    /// the machine slept just before it landed, it is asked for once more.
    async fn fetched(
        &self,
        pending: FetchReceiver<S>,
        ask: impl Fn() -> Result<S::Value, FetchState<S>>,
        timeout: Duration,
    ) -> Result<S::Value, RefreshError<S::Error>> {
        let (asked, began) = (self.inner.now(), Instant::now());
        let value = single_flight::wait::<S>(pending, timeout).await?;
        if value.expires_at() > asked {
            return Ok(value);
        }
        match ask() {
            Ok(value) => Ok(value),
            Err(FetchState::Failed(error)) => Err(RefreshError::Source(error)),
            Err(FetchState::Pending(pending)) => {
                single_flight::wait::<S>(pending, timeout.saturating_sub(began.elapsed())).await
            }
        }
    }

    /// Fetches what is not held, although nobody asks for it, until that works.
    pub fn prepare(&self) {
        drop(self.inner.ask());
    }
}

/// Starts a fetch whenever one is due, until aborted.
async fn refresh_ahead<S: Source>(inner: Arc<Inner<S>>) {
    loop {
        let changed = inner.changed();
        match inner.next_attempt() {
            Some(deadline) => tokio::select! {
                biased;
                () = inner.context.clock.sleep_until(deadline) => inner.attempt_if_due(),
                () = changed => {}
            },
            None => changed.await,
        }
    }
}
