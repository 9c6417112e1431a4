//! When the stack is asked again about an API key that it refused, or that could
//! not be checked, without anybody's doing. `keys/key_recheck_task.rs` asks.

use crate::clock::{Deadline, Moment};
use crate::refresh::retry_after_seconds;

/// How long a refused key is left alone at first, in seconds. Each further
/// refusal doubles it: a deploy's hiccup passes by itself, and a dead key is
/// not asked about in a loop.
const FIRST_PAUSE: i64 = 20;

/// The longest such pause, in seconds.
const LONGEST_PAUSE: i64 = 3600;

/// Between attempts to get the stack's answer about a key that could not be
/// checked, in seconds.
const UNCHECKED_PAUSE: i64 = 20;

/// Where the stack stands to a key, and when to ask it again.
#[derive(Clone, Copy, Default)]
pub(super) struct RecheckSchedule {
    refusal: Option<Refusal>,
    /// When to ask about a key that could not be checked yet.
    unchecked_until: Option<Deadline>,
}

#[derive(Clone, Copy)]
struct Refusal {
    until: Deadline,
    pause: i64,
}

impl RecheckSchedule {
    /// Of a key that was just set.
    pub(super) fn new(is_unchecked: bool, now: Moment) -> Self {
        Self {
            refusal: None,
            unchecked_until: is_unchecked.then(|| now.after(0)),
        }
    }

    pub(super) fn is_refused(&self) -> bool {
        self.refusal.is_some()
    }

    /// When the stack is to be asked about the key.
    pub(super) fn due(&self) -> Option<Deadline> {
        self.refusal
            .map(|refusal| refusal.until)
            .or(self.unchecked_until)
    }

    /// The stack said no, twice.
    pub(super) fn refused(&mut self, now: Moment) {
        let pause = match self.refusal {
            None => FIRST_PAUSE,
            // Several callers found it out at once.
            Some(refusal) if !refusal.until.reached(now) => return,
            Some(refusal) => (refusal.pause * 2).min(LONGEST_PAUSE),
        };
        self.refusal = Some(Refusal {
            until: now.after(pause),
            pause,
        });
    }

    /// The stack could not be asked, and may have said for how many seconds not
    /// to ask again.
    pub(super) fn unanswered(&mut self, now: Moment, retry_after: Option<u32>) {
        let retry_after_seconds = retry_after_seconds(retry_after);
        match &mut self.refusal {
            Some(refusal) => {
                let pause = refusal.pause.min(UNCHECKED_PAUSE);
                refusal.until = now.after(pause.max(retry_after_seconds));
            }
            None => {
                self.unchecked_until = Some(now.after(UNCHECKED_PAUSE.max(retry_after_seconds)));
            }
        }
    }

    /// The stack said yes; answers whether it had refused the key.
    pub(super) fn accepted(&mut self) -> bool {
        let was_refused = self.is_refused();
        *self = Self::default();
        was_refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::clock::manual::ManualClock;

    #[test]
    fn a_refused_key_is_asked_about_ever_more_rarely_until_it_works() {
        let clock = ManualClock::at(1_000_000);
        let mut recheck = RecheckSchedule::new(false, clock.now());
        assert_eq!(recheck.due(), None);
        recheck.refused(clock.now());
        assert!(recheck.due().unwrap().seconds_left(clock.now()) <= 30);
        let mut checks = 0;
        for _ in 0..24 * 60 {
            clock.advance(60);
            if recheck.due().unwrap().reached(clock.now()) {
                checks += 1;
                recheck.refused(clock.now());
            }
        }
        assert!((5..=32).contains(&checks), "{checks} checks in a day");
        assert!(recheck.accepted() && !recheck.accepted());
        assert!(!recheck.is_refused());
        assert_eq!(recheck.due(), None);
    }
}
