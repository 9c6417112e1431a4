//! The API key over a login.

use quilt_proto::wire::{ApiKey, Me, SessionState, SessionStatus, TokenKind};
use quilt_proto::{ApiKeySecret, RegistryHost, RegistryUrl, Secret};

use super::SessionError;
use super::key_origin::{KeyMark, KeyOrigin};
use super::key_recheck_schedule::RecheckSchedule;
use crate::clock::Moment;
use crate::raw::Locked;

/// A key in use.
pub(super) struct KeyInUse {
    secret: Locked,
    fingerprint: String,
    /// Whether the stack refuses it, and when it is asked about it again.
    pub(super) recheck: RecheckSchedule,
    pub(super) info: KeyInfo,
    /// Where it is sent; not settled before it has succeeded somewhere.
    pub(super) registry: Option<RegistryUrl>,
    /// Why it is sent nowhere: the catalog names this host, to which nobody
    /// has agreed.
    pub(super) untrusted_registry: Option<UntrustedRegistry>,
    /// Where this daemon read it at its start, and the next one does again.
    pub(super) origin: Option<KeyOrigin>,
}

/// Why a key is sent nowhere.
#[derive(Clone, Debug)]
pub struct UntrustedRegistry {
    /// The host that the catalog names.
    pub named: RegistryHost,
    /// In words.
    pub why: String,
}

/// What the stack said of a key.
#[derive(Clone, Debug, Default)]
pub struct KeyInfo {
    /// The key as the stack lists it.
    pub record: Option<ApiKey>,
    /// Other keys of the same name that a rotation may have left.
    pub same_name: Vec<ApiKey>,
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
    /// Where the daemon read the key in use at its start.
    pub origin: Option<KeyOrigin>,
}

impl UntrustedRegistry {
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

impl KeyInUse {
    pub(super) fn new(
        secret: &ApiKeySecret,
        registry: Option<RegistryUrl>,
        info: KeyInfo,
        now: Moment,
    ) -> Self {
        Self {
            recheck: RecheckSchedule::new(info.unchecked.is_some(), now),
            secret: Locked::new(secret.secret()),
            fingerprint: secret.fingerprint(),
            info,
            registry,
            untrusted_registry: None,
            origin: None,
        }
    }

    pub(super) fn is(&self, secret: &Secret) -> bool {
        self.secret.is(secret)
    }

    /// What tells it from others.
    pub(super) fn mark(&self) -> KeyMark {
        KeyMark {
            fingerprint: self.fingerprint.clone(),
            origin: self.origin.clone(),
        }
    }

    pub(super) fn copy(&self) -> Secret {
        self.secret.copy()
    }

    pub(super) fn is_refused(&self) -> bool {
        self.recheck.is_refused()
    }

    /// The stack said yes; answers whether that is news.
    pub(super) fn accepted(&mut self) -> bool {
        let was_unchecked = self.info.unchecked.take().is_some();
        self.recheck.accepted() || was_unchecked
    }

    /// What may be shown, with the text of a refusal.
    pub(super) fn status(&self, refused: impl FnOnce() -> String) -> SessionStatus {
        let (state, last_error) = if self.is_refused() {
            (SessionState::Expired, Some(refused()))
        } else {
            let untrusted_registry = self.untrusted_registry.as_ref().map(|it| it.why.clone());
            let doubts = untrusted_registry.or_else(|| self.info.unchecked.clone());
            (SessionState::Active, doubts)
        };
        SessionStatus {
            state,
            kind: Some(TokenKind::ApiKey),
            access_token_expires_at: None,
            last_error,
            api_key_fingerprint: Some(self.fingerprint.clone()),
            api_key_expires_at: self.info.record.as_ref().map(|key| key.expires_at),
        }
    }
}
