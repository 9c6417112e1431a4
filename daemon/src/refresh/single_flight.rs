//! The state behind a refresher, and the one task that fetches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use quilt_proto::Timestamp;
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, watch};

use super::cached::Cached;
use super::random::random;
use super::state::{FetchReceiver, Flight, Rejection, State};
use super::{Failure, Policy, RefreshContext, RefreshError, Refresher, Snapshot, Source, backoff};
use crate::checked_sync::{self, Mutex, MutexGuard};
use crate::clock::Deadline;
use crate::metrics::RefreshOutcome;

#[cfg(test)]
pub(super) mod storm;

/// The answer to a question that cannot be met from what is held.
pub(super) enum FetchState<S: Source> {
    /// It is known not to work.
    Failed(S::Error),
    /// A fetch is under way.
    Pending(FetchReceiver<S>),
}

pub(super) struct Inner<S: Source> {
    pub(super) source: S,
    policy: Policy,
    /// Shared: there may be thousands of refreshers.
    pub(super) context: Arc<RefreshContext>,
    changed: Notify,
    state: Mutex<State<S>>,
}

impl<S: Source> Inner<S> {
    pub(super) fn new(source: S, policy: Policy, context: Arc<RefreshContext>) -> Self {
        Self {
            source,
            policy,
            context,
            changed: Notify::new(),
            state: Mutex::new(State::default()),
        }
    }

    /// Wakes the schedule, and tells whoever shows what is held.
    fn wake(&self) {
        self.changed.notify_waiters();
        self.context.changes.announce();
    }

    fn state(&self) -> MutexGuard<'_, State<S>> {
        // Every change below is complete before anything can panic.
        self.state.lock()
    }

    pub(super) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// The wall clock.
    pub(super) fn now(&self) -> Timestamp {
        self.context.clock.now().wall
    }

    /// What is held if fresh enough, or valid while the source is failing;
    /// else a receiver for the fetch that will bring it.
    pub(super) fn ask(self: &Arc<Self>) -> Result<S::Value, FetchState<S>> {
        let now = self.context.clock.now();
        let mut state = self.state();
        if state.ask(now) {
            self.wake();
        }
        if let Some(cached) = state.valid(now)
            && (cached.is_fresh(now) || state.is_source_down(now))
        {
            return Ok(cached.value.clone());
        }
        if let Some(error) = state.known_failure(now) {
            return Err(FetchState::Failed(error));
        }
        Err(FetchState::Pending(self.join(&mut state)))
    }

    /// What is held unless `refused`; else a receiver.
    pub(super) fn ask_other(
        self: &Arc<Self>,
        refused: impl Fn(&S::Value) -> bool,
    ) -> Result<S::Value, FetchState<S>> {
        let now = self.context.clock.now();
        let mut state = self.state();
        if state.ask(now) {
            self.wake();
        }
        if let Some(cached) = state.valid(now)
            && !refused(&cached.value)
        {
            return Ok(cached.value.clone());
        }
        if (state.rejection.is_some() || state.is_backed_off(now))
            && let Some(error) = state.last_error.as_deref().cloned()
        {
            return Err(FetchState::Failed(error));
        }
        Err(FetchState::Pending(self.join(&mut state)))
    }

    pub(super) fn valid_value(&self) -> Option<S::Value> {
        let now = self.context.clock.now();
        self.state().valid(now).map(|cached| cached.value.clone())
    }

    /// The fetch under way, or a new one.
    fn join(self: &Arc<Self>, state: &mut State<S>) -> FetchReceiver<S> {
        if let Some(flight) = &state.flight {
            return flight.receiver.clone();
        }
        let (sender, receiver) = watch::channel(None);
        state.flight = Some(Flight {
            receiver: receiver.clone(),
            since: self.context.clock.now(),
        });
        let held = state.cached.as_ref().map(|cached| cached.value.clone());
        let (inner, generation) = (Arc::clone(self), state.generation);
        let is_probe = state.rejection.is_some();
        let fetch = async move {
            let pending = Clearing {
                inner: &inner,
                generation,
                started: Instant::now(),
            };
            let result = if is_probe {
                inner.source.probe().await
            } else {
                inner.source.fetch(held).await
            };
            let outcome = match &result {
                Ok(_) => RefreshOutcome::Ok,
                Err(Failure::Transient(_)) => RefreshOutcome::Failed,
                Err(Failure::Refused(_) | Failure::Definite(_)) => RefreshOutcome::Refused,
            };
            inner
                .context
                .meter
                .record(outcome, pending.started.elapsed());
            drop(sender.send_replace(Some(inner.publish_outcome(result, generation))));
            drop(pending);
        };
        checked_sync::detached(self.context.tasks.track_future(fetch));
        receiver
    }

    /// Publishes a fetch's outcome; what waiters get.
    fn publish_outcome(
        &self,
        result: Result<S::Value, Failure<S::Error>>,
        generation: u64,
    ) -> Result<S::Value, S::Error> {
        let now = self.context.clock.now();
        let mut state = self.state();
        let current = state.generation == generation;
        let outcome = match result {
            Ok(value) => {
                if current {
                    let is_first = !state.cached.as_ref().is_some_and(|it| it.is_valid(now));
                    let cached = Cached::new(value.clone(), self.policy, now, is_first, random());
                    let generation = state.generation;
                    *state = State {
                        cached: Some(cached),
                        generation,
                        last_asked: state.last_asked,
                        ..State::default()
                    };
                }
                Ok(value)
            }
            Err(failure) => {
                if current {
                    state.fail(failure.clone(), now);
                }
                Err(match failure {
                    Failure::Transient(error)
                    | Failure::Refused(error)
                    | Failure::Definite(error) => error,
                })
            }
        };
        if current {
            state.flight = None;
        }
        drop(state);
        self.wake();
        outcome
    }

    /// When the schedule should fetch next; `None` while it should not.
    pub(super) fn next_attempt(&self) -> Option<Deadline> {
        self.state().next_attempt()
    }

    pub(super) fn attempt_if_due(self: &Arc<Self>) {
        let now = self.context.clock.now();
        // Looked at and done as one: what was due may have been ended since.
        let mut state = self.state();
        let due = state.next_attempt();
        if !due.is_some_and(|deadline| deadline.reached(now)) {
            return;
        }
        if state.leave_if_unused(&self.source, now) {
            drop(state);
            self.context.changes.announce();
        } else {
            drop(self.join(&mut state));
        }
    }
}

/// What is said of the value from elsewhere, and shown of it.
impl<S: Source> Refresher<S> {
    /// Takes a value from elsewhere (a login, a state file) as the newest.
    pub fn publish(&self, value: S::Value) {
        let (policy, now) = (self.inner.policy, self.inner.context.clock.now());
        let cached = Cached::new(value, policy, now, false, random());
        let mut state = self.inner.state();
        state.clear();
        state.cached = Some(cached);
        drop(state);
        self.inner.wake();
    }

    /// Forgets everything; a fetch under way will publish nothing.
    pub fn reset(&self) {
        self.inner.state().clear();
        self.inner.wake();
    }

    /// Drops what is held, for good, because of `error`.
    pub fn invalidate(&self, error: S::Error) {
        let now = self.inner.context.clock.now();
        self.inner.state().reject(error, Rejection::for_good(now));
        self.inner.wake();
    }

    /// Drops what is held because the issuer refused it `age` seconds ago, by
    /// wall clocks that may have been wrong; the issuer is probed soon, and then as
    /// after a [`Failure::Refused`].
    pub fn refuse(&self, error: S::Error, age: i64) {
        let now = self.inner.context.clock.now();
        self.inner.state().reject(error, Rejection::noted(age, now));
        self.inner.wake();
    }

    /// Tries again at once what failed: the cause may be gone.
    pub fn nudge(&self) {
        let now = self.inner.context.clock.now();
        let mut state = self.inner.state();
        let waits = state.retry.is_some();
        if waits {
            state.retry = Some(now.after(0));
            state.failed_at = None;
            state.backed_off_until = None;
        }
        drop(state);
        if waits {
            self.inner.wake();
        }
    }

    /// What is held, for display.
    pub fn snapshot(&self) -> Snapshot<S::Value, S::Error> {
        let state = self.inner.state();
        let retry = state.retry.map(|retry| retry.wall);
        Snapshot {
            value: state.cached.as_ref().map(|cached| cached.value.clone()),
            refresh_at: retry
                .or(state.cached.as_ref().map(|cached| cached.refresh.wall))
                .filter(|_| !state.is_idle),
            last_error: state.last_error.as_deref().cloned(),
        }
    }
}

/// Takes a flight off the board even when its task panics or is cut off.
struct Clearing<'a, S: Source> {
    inner: &'a Inner<S>,
    generation: u64,
    started: Instant,
}

impl<S: Source> Drop for Clearing<'_, S> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let took = self.started.elapsed();
        self.inner
            .context
            .meter
            .record(RefreshOutcome::Failed, took);
        let mut state = self.inner.state();
        if state.generation == self.generation {
            state.flight = None;
            state.failures = state.failures.saturating_add(1);
            let (now, pause) = (
                self.inner.context.clock.now(),
                backoff::pause(state.failures, random()),
            );
            state.retry = Some(now.after(pause));
            state.rejection = state.rejection.map(|rejection| rejection.probed(now));
        }
        drop(state);
        self.inner.wake();
    }
}

/// Waits for a fetch, no longer than `timeout`.
pub(super) async fn wait<S: Source>(
    mut receiver: FetchReceiver<S>,
    timeout: Duration,
) -> Result<S::Value, RefreshError<S::Error>> {
    let outcome = checked_sync::timeout(timeout, receiver.wait_for(Option::is_some)).await;
    match outcome {
        Err(_late) => Err(RefreshError::Slow),
        Ok(Err(_)) => Err(RefreshError::Interrupted),
        Ok(Ok(outcome)) => match &*outcome {
            Some(Ok(value)) => Ok(value.clone()),
            Some(Err(error)) => Err(RefreshError::Source(error.clone())),
            None => Err(RefreshError::Interrupted),
        },
    }
}
