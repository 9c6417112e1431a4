//! What a refresher knows: what is held, what is under way, what failed.

use tokio::sync::watch;

use super::cached::Cached;
use super::random::random;
use super::{Failure, Source, backoff};
use crate::clock::{Deadline, Moment};

/// With nothing fresh to hand out, a new attempt is made this soon after a
/// failed one, in seconds: whoever asks once the cause is mended should not
/// wait out a backoff.
const ASKED_PAUSE: i64 = 1;

/// A fetch under way for this long, in seconds, is not waited for by those who
/// can have something valid at once.
const HANGING: i64 = 3;

/// The outcome of a fetch, `None` while it is under way.
pub(super) type Outcome<S> = Option<Result<<S as Source>::Value, <S as Source>::Error>>;

/// Where to learn the outcome of a fetch.
pub(super) type FetchReceiver<S> = watch::Receiver<Outcome<S>>;

pub(super) struct State<S: Source> {
    pub(super) cached: Option<Cached<S::Value>>,
    pub(super) flight: Option<Flight<S>>,
    /// Rises whenever what is held is replaced from outside; a fetch started
    /// before that publishes nothing.
    pub(super) generation: u64,
    pub(super) failures: u32,
    pub(super) failed_at: Option<Moment>,
    pub(super) retry: Option<Deadline>,
    /// Until when the source wants to be left alone, whoever asks.
    pub(super) backed_off_until: Option<Deadline>,
    /// Boxed: mostly there is none, and there may be thousands of refreshers.
    pub(super) last_error: Option<Box<S::Error>>,
    /// The issuer said no.
    pub(super) rejection: Option<Rejection>,
    /// When somebody last asked.
    pub(super) last_asked: Option<Moment>,
    /// Nobody has asked for so long that nothing is fetched until somebody does.
    pub(super) is_idle: bool,
}

/// Since when the issuer says no, and when it is asked whether it still does.
#[derive(Clone, Copy)]
pub(super) struct Rejection {
    /// Seconds it had been saying so at `at`.
    pub(super) age: i64,
    pub(super) at: Moment,
    /// The age at which to probe; never, if it is for good.
    pub(super) probe_at: Option<i64>,
}

impl Rejection {
    pub(super) fn for_good(now: Moment) -> Self {
        Self {
            age: 0,
            at: now,
            probe_at: None,
        }
    }

    pub(super) fn since(age: i64, now: Moment) -> Self {
        Self {
            age,
            at: now,
            probe_at: backoff::probe_after(age),
        }
    }

    /// Of one that was noted `age` seconds ago, as far as wall clocks tell.
    pub(super) fn noted(age: i64, now: Moment) -> Self {
        let (age, due) = backoff::noted(age);
        Self {
            age,
            at: now,
            probe_at: Some(due),
        }
    }

    /// After a probe that changed nothing.
    pub(super) fn probed(self, now: Moment) -> Self {
        let passed = now.uptime.saturating_sub(self.at.uptime).as_secs();
        let age = self.age.saturating_add_unsigned(passed);
        Self::since(self.probe_at.map_or(age, |due| due.max(age)), now)
    }

    pub(super) fn next_probe(self) -> Option<Deadline> {
        Some(self.at.after(self.probe_at? - self.age))
    }
}

/// A fetch under way.
pub(super) struct Flight<S: Source> {
    pub(super) receiver: FetchReceiver<S>,
    pub(super) since: Moment,
}

impl<S: Source> Default for State<S> {
    fn default() -> Self {
        Self {
            cached: None,
            flight: None,
            generation: 0,
            failures: 0,
            failed_at: None,
            retry: None,
            backed_off_until: None,
            last_error: None,
            rejection: None,
            last_asked: None,
            is_idle: false,
        }
    }
}

impl<S: Source> State<S> {
    pub(super) fn clear(&mut self) {
        *self = Self {
            generation: self.generation + 1,
            last_asked: self.last_asked,
            ..Self::default()
        };
    }

    pub(super) fn reject(&mut self, error: S::Error, rejection: Rejection) {
        self.clear();
        self.last_error = Some(Box::new(error));
        self.rejection = Some(rejection);
    }

    pub(super) fn fail(&mut self, failure: Failure<S::Error>, now: Moment) {
        if let Some(rejection) = self.rejection
            && !matches!(failure, Failure::Definite(_))
        {
            // A probe: what is known stays known.
            self.rejection = Some(rejection.probed(now));
            return;
        }
        self.failures = self.failures.saturating_add(1);
        self.failed_at = Some(now);
        self.retry = None;
        self.backed_off_until = None;
        let (error, rejection) = match failure {
            Failure::Transient(error) => {
                let pause = backoff::pause(self.failures, random());
                let retry_after_seconds = backoff::retry_after_seconds(S::retry_after(&error));
                self.retry = Some(now.after(pause.max(retry_after_seconds)));
                self.backed_off_until =
                    (retry_after_seconds > 0).then(|| now.after(retry_after_seconds));
                (error, None)
            }
            Failure::Refused(error) => (error, Some(Rejection::since(0, now))),
            Failure::Definite(error) => (error, Some(Rejection::for_good(now))),
        };
        self.last_error = Some(Box::new(error));
        self.rejection = rejection;
        if rejection.is_some() {
            self.cached = None;
        }
    }

    pub(super) fn valid(&self, now: Moment) -> Option<&Cached<S::Value>> {
        self.cached.as_ref().filter(|cached| cached.is_valid(now))
    }

    pub(super) fn next_attempt(&self) -> Option<Deadline> {
        if self.flight.is_some() || self.is_idle {
            return None;
        }
        if let Some(rejection) = self.rejection {
            return rejection.next_probe();
        }
        self.retry
            .or(self.cached.as_ref().map(|cached| cached.refresh))
    }

    /// The known failure, when asking again now would be pointless.
    pub(super) fn known_failure(&self, now: Moment) -> Option<S::Error> {
        let just_failed = || self.flight.is_none() && self.has_just_failed(now);
        let useless = self.rejection.is_some() || just_failed();
        self.last_error.as_deref().filter(|_| useless).cloned()
    }

    pub(super) fn has_just_failed(&self, now: Moment) -> bool {
        let just_now = |at: Moment| !at.after(ASKED_PAUSE).reached(now);
        self.is_backed_off(now) || self.failed_at.is_some_and(just_now)
    }

    /// Whether the source has asked to be left alone.
    pub(super) fn is_backed_off(&self, now: Moment) -> bool {
        let until = self.backed_off_until.filter(|until| !until.reached(now));
        until.is_some() && self.flight.is_none()
    }

    /// Whether a valid value should be handed out rather than a fresh one
    /// waited for: the source has just failed, or hangs.
    pub(super) fn is_source_down(&self, now: Moment) -> bool {
        match &self.flight {
            Some(flight) => flight.since.after(HANGING).reached(now),
            None => self.has_just_failed(now),
        }
    }
}
