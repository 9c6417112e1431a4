//! The API key over a login.

use quilt_proto::wire::{ApiKey, Me, SessionState, SessionStatus, TokenKind};
use quilt_proto::{ApiKeySecret, RegistryHost, RegistryUrl, Secret};

use crate::clock::{Deadline, Moment};
use crate::raw::Locked;

/// How long a refused key is left alone at first, in seconds. Each further
/// refusal doubles it: a deploy's hiccup passes by itself, and a dead key is
/// not asked about in a loop.
const FIRST_PAUSE: i64 = 30;

/// The longest such pause, in seconds.
const LONGEST_PAUSE: i64 = 3600;

/// A key in use.
pub(super) struct Key {
    secret: Locked,
    fingerprint: String,
    refusal: Option<Refusal>,
    pub(super) known: KeyFacts,
    /// Where it is sent; not settled before it has succeeded somewhere.
    pub(super) registry: Option<RegistryUrl>,
    /// Why it is sent nowhere: the catalog names this host, to which nobody
    /// has agreed.
    pub(super) held_back: Option<HeldBack>,
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

impl Key {
    pub(super) fn new(
        secret: &ApiKeySecret,
        registry: Option<RegistryUrl>,
        known: KeyFacts,
    ) -> Self {
        Self {
            secret: Locked::new(secret.secret()),
            fingerprint: secret.fingerprint(),
            refusal: None,
            known,
            registry,
            held_back: None,
        }
    }

    pub(super) fn is(&self, secret: &Secret) -> bool {
        self.secret.is(secret)
    }

    pub(super) fn copy(&self) -> Secret {
        self.secret.copy()
    }

    /// A copy to ask the stack with, unless it refused the key just now. After
    /// a pause one caller may try again.
    pub(super) fn try_use(&mut self, now: Moment) -> Option<Secret> {
        if let Some(refusal) = &mut self.refusal {
            if !refusal.until.reached(now) {
                return None;
            }
            refusal.pause = (refusal.pause * 2).min(LONGEST_PAUSE);
            refusal.until = now.after(refusal.pause);
        }
        Some(self.secret.copy())
    }

    /// The stack said no, twice.
    pub(super) fn refused(&mut self, now: Moment) {
        if self.refusal.is_none() {
            self.refusal = Some(Refusal {
                until: now.after(FIRST_PAUSE),
                pause: FIRST_PAUSE,
            });
        }
    }

    /// The stack said yes.
    pub(super) fn accepted(&mut self) {
        self.refusal = None;
        self.known.unchecked = None;
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
    fn a_refused_key_is_tried_again_ever_more_rarely_until_it_works() {
        let clock = ManualClock::at(1_000_000);
        let secret = "qk_abcdefghijklmnop".parse().unwrap();
        let mut key = Key::new(&secret, None, KeyFacts::default());
        key.refused(clock.now());
        let mut tries = 0;
        for _ in 0..24 * 60 {
            clock.advance(60);
            if key.try_use(clock.now()).is_some() {
                tries += 1;
                key.refused(clock.now());
            }
        }
        assert!((5..=30).contains(&tries), "{tries} tries in a day");
        clock.advance(3600);
        assert!(key.try_use(clock.now()).is_some());
        key.accepted();
        assert!(key.try_use(clock.now()).is_some());
        assert_eq!(key.status(String::new).state, SessionState::Active);
    }
}
