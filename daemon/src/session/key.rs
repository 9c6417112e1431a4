//! The API key over a login.

use quilt_proto::wire::{ApiKey, Me, SessionState, SessionStatus, TokenKind};
use quilt_proto::{ApiKeySecret, RegistryHost, RegistryUrl, Secret};

use super::SessionError;
use crate::clock::{Deadline, Moment};
use crate::raw::Locked;

/// How long a refused key is left alone at first, in seconds. Each further
/// refusal doubles it: a deploy's hiccup passes by itself, and a dead key is
/// not asked about in a loop.
const FIRST_PAUSE: i64 = 20;

/// The longest such pause, in seconds.
const LONGEST_PAUSE: i64 = 3600;

/// Between attempts to get the stack's answer about a key that could not be
/// checked, in seconds.
const UNCHECKED_PAUSE: i64 = 20;

/// The longest a stack may have itself left alone, in seconds.
const LONGEST_RETRY_AFTER: i64 = 300;

/// A key in use.
pub(super) struct Key {
    secret: Locked,
    fingerprint: String,
    refusal: Option<Refusal>,
    /// When to ask about a key that could not be checked yet.
    unchecked_until: Option<Deadline>,
    pub(super) known: KeyFacts,
    /// Where it is sent; not settled before it has succeeded somewhere.
    pub(super) registry: Option<RegistryUrl>,
    /// Why it is sent nowhere: the catalog names this host, to which nobody
    /// has agreed.
    pub(super) held_back: Option<HeldBack>,
    /// Whether the next daemon reads it again where this one did at its start.
    pub(super) comes_again: bool,
}

/// Why a key is sent nowhere.
#[derive(Clone, Debug)]
pub struct HeldBack {
    /// The host that the catalog names.
    pub named: RegistryHost,
    /// In words.
    pub why: String,
}

/// What the stack said of a key.
#[derive(Clone, Debug, Default)]
pub struct KeyFacts {
    /// The key as the stack lists it.
    pub record: Option<ApiKey>,
    /// Other keys of the same name that work.
    pub twins: Vec<ApiKey>,
    /// Whose it is.
    pub me: Option<Me>,
    /// Why it could not be asked.
    pub unchecked: Option<String>,
}

/// A successor whose maker has not said yet that it is kept.
pub struct Rotation {
    /// The key it replaces.
    pub old: ApiKey,
    /// The successor.
    pub new: ApiKey,
    /// Its secret.
    pub secret: Locked,
    /// Whether the session uses it.
    pub in_use: bool,
}

#[derive(Clone, Copy)]
struct Refusal {
    until: Deadline,
    pause: i64,
}

impl HeldBack {
    /// What is to be known of a key for which there is no registry.
    pub(super) fn because_of(error: &SessionError) -> Option<Self> {
        match error {
            SessionError::RegistryChanged { named, .. } => Some(Self {
                named: named.clone(),
                why: error.to_string(),
            }),
            _ => None,
        }
    }
}

impl Key {
    pub(super) fn new(
        secret: &ApiKeySecret,
        registry: Option<RegistryUrl>,
        known: KeyFacts,
        now: Moment,
    ) -> Self {
        Self {
            unchecked_until: known.unchecked.is_some().then(|| now.after(0)),
            secret: Locked::new(secret.secret()),
            fingerprint: secret.fingerprint(),
            refusal: None,
            known,
            registry,
            held_back: None,
            comes_again: false,
        }
    }

    pub(super) fn is(&self, secret: &Secret) -> bool {
        self.secret.is(secret)
    }

    pub(super) fn copy(&self) -> Secret {
        self.secret.copy()
    }

    pub(super) fn is_refused(&self) -> bool {
        self.refusal.is_some()
    }

    /// When the stack is to be asked about it without anybody's doing.
    pub(super) fn check_due(&self) -> Option<Deadline> {
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
        let retry_after_seconds = retry_after.map_or(0, i64::from).min(LONGEST_RETRY_AFTER);
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

    /// The stack said yes; answers whether that is news.
    pub(super) fn accepted(&mut self) -> bool {
        let is_news = self.refusal.is_some() || self.known.unchecked.is_some();
        self.refusal = None;
        self.unchecked_until = None;
        self.known.unchecked = None;
        is_news
    }

    /// What may be shown, with the text of a refusal.
    pub(super) fn status(&self, refused: impl FnOnce() -> String) -> SessionStatus {
        let (state, last_error) = if self.refusal.is_some() {
            (SessionState::Expired, Some(refused()))
        } else {
            let held_back = self.held_back.as_ref().map(|held| held.why.clone());
            let doubts = held_back.or_else(|| self.known.unchecked.clone());
            (SessionState::Active, doubts)
        };
        SessionStatus {
            state,
            kind: Some(TokenKind::ApiKey),
            access_token_expires_at: None,
            last_error,
            api_key_fingerprint: Some(self.fingerprint.clone()),
            api_key_expires_at: self.known.record.as_ref().map(|key| key.expires_at),
        }
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
        let secret = "qk_abcdefghijklmnop".parse().unwrap();
        let mut key = Key::new(&secret, None, KeyFacts::default(), clock.now());
        assert_eq!(key.check_due(), None);
        key.refused(clock.now());
        assert!(key.check_due().unwrap().seconds_left(clock.now()) <= 30);
        let mut checks = 0;
        for _ in 0..24 * 60 {
            clock.advance(60);
            if key.check_due().unwrap().reached(clock.now()) {
                checks += 1;
                key.refused(clock.now());
            }
        }
        assert!((5..=32).contains(&checks), "{checks} checks in a day");
        assert!(key.accepted() && !key.accepted());
        assert!(!key.is_refused());
        assert_eq!(key.check_due(), None);
        assert_eq!(key.status(String::new).state, SessionState::Active);
    }
}
