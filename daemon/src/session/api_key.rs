//! What an API key makes of a session.

use quilt_proto::wire::TokenKind;
use quilt_proto::{ApiKeySecret, Command, RegistryUrl, Secret};

use super::api_key_slot::{KeySerial, KeyState};
use super::epoch::Epoch;
use super::key_in_use::{KeyInfo, Rotation};
use super::key_origin::KeyMark;
use super::{Bearer, Identity, Session, SessionError};
use crate::token_store::{CatalogFact, SecretHash};

/// A key that could not be read at the start.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{why}")]
pub struct UnreadKey {
    /// In words.
    pub why: String,
    /// The command that mends it.
    pub remedy: Command,
}

impl Session {
    /// The key in use, if there is one, with where it may be sent. That of one
    /// which has not succeeded anywhere is asked for each time.
    pub(super) async fn key_bearer(&self) -> Result<Option<Bearer>, SessionError> {
        loop {
            let serial = match self.api_key.usable() {
                KeyState::None => return Ok(None),
                KeyState::Refused(key) => return Err(self.key_refused(key)),
                KeyState::At(registry, token, identity) => {
                    return Ok(Some(key(token, registry, identity)));
                }
                KeyState::NoRegistryYet(serial) => serial,
            };
            let registry = self.registry_trust().for_key().await;
            if let Some((token, identity)) = self.api_key.usable_at(serial, &registry) {
                return Ok(Some(key(token, registry?, identity)));
            }
        }
    }

    /// The key in use to ask the stack about it, refused or not; nothing where
    /// it is another one by now.
    pub async fn key_to_check(&self, serial: KeySerial) -> Result<Option<Bearer>, SessionError> {
        let settled = self.api_key.registry();
        let registry = match settled {
            Some(registry) => Ok(registry),
            None => self.registry_trust().for_key().await,
        };
        match self.api_key.usable_at(serial, &registry) {
            Some((token, identity)) => Ok(Some(key(token, registry?, identity))),
            None => Ok(None),
        }
    }

    /// The stack said of a key that it works; that of this registry is kept to,
    /// unless a login or another key has settled meanwhile that it is another: then
    /// the key stays one that is asked about.
    pub fn key_accepted(&self, bearer: &Bearer) {
        if self.api_key.is_unsettled(&bearer.token)
            && !self.registry_trust().settle(None, &bearer.registry)
        {
            return;
        }
        if self.api_key.accepted(&bearer.token, &bearer.registry) {
            self.remember_given_key(&bearer.token);
        }
    }

    /// A key that the user gave for this catalog works here: where nobody says
    /// which one's it is, it may be this one's from now on, also if another
    /// catalog's registry knew it first.
    pub fn remember_given_key(&self, key: &Secret) {
        let fact = CatalogFact::ApiKey(SecretHash::of(key));
        self.registry_trust().learn(vec![fact]);
    }

    /// The catalog's registry knows a key: it is this catalog's from now on where
    /// nobody says which one's it is, unless it is another's already.
    pub fn remember_key(&self, key: &Secret) {
        let store = &self.dependencies.store;
        let of = store.catalogs_of_api_key(&SecretHash::of(key));
        if of.is_empty() || of.contains(&self.catalog) {
            self.remember_given_key(key);
        }
    }

    /// The stack said no to a key, twice.
    pub fn key_rejected(&self, bearer: &Bearer) -> SessionError {
        tracing::warn!(catalog = %self.catalog, "the stack refused the API key");
        self.api_key
            .set_refused(&bearer.token, self.dependencies.clock.now());
        // By now there may be another one.
        let fingerprint = bearer
            .token
            .expose()
            .parse()
            .map(|key: ApiKeySecret| key.fingerprint());
        let fingerprint = fingerprint.unwrap_or_default();
        let in_use = self.api_key.mark();
        let key = in_use.filter(|key| key.fingerprint == fingerprint);
        self.key_refused(key.unwrap_or(KeyMark {
            fingerprint,
            origin: None,
        }))
    }

    /// Why nobody is logged in.
    pub fn logged_out(&self) -> SessionError {
        if let Some(unread) = self.unread_key() {
            SessionError::KeyUnread(unread)
        } else if self.is_key_forgotten() {
            SessionError::KeyForgotten(self.catalog.clone())
        } else {
            SessionError::LoggedOut(self.catalog.clone())
        }
    }

    /// Whether a restart forgot an API key, and nobody has said since that it
    /// is not needed.
    pub fn is_key_forgotten(&self) -> bool {
        // One lock at a time.
        let forgotten = self.state.lock().key_forgotten;
        forgotten && !self.api_key.is_set()
    }

    /// There is a key that could not be read at the start: it was not forgotten.
    pub fn set_unread_key(&self, why: String, remedy: Command) {
        let mut state = self.state.lock();
        state.key_forgotten = false;
        state.unread_key = Some(UnreadKey { why, remedy });
    }

    /// Why there is no key although there is to be one, unless somebody has
    /// set another, or said that it is not needed.
    pub fn unread_key(&self) -> Option<UnreadKey> {
        // One lock at a time.
        let unread = self.state.lock().unread_key.clone()?;
        (!self.api_key.is_set()).then_some(unread)
    }

    /// Remembers that there is a key, or that there is none, so that a later
    /// daemon can tell.
    pub fn note_key(&self) {
        // Whoever comes later notes what is later.
        let _turn = self.epochs.lock_key_note();
        let is_set = self.api_key.is_set();
        {
            let mut state = self.state.lock();
            state.key_forgotten = false;
            state.unread_key = None;
        }
        self.dependencies.store.note_key(&self.catalog, is_set);
    }

    /// The stack refuses a key.
    pub fn key_refused(&self, key: KeyMark) -> SessionError {
        self.key_refusal(key, self.is_login_beneath())
    }

    /// The same where it is known what there is beneath it.
    pub(super) fn key_refusal(&self, key: KeyMark, login_beneath: bool) -> SessionError {
        SessionError::KeyRefused {
            catalog: self.catalog.clone(),
            key: Box::new(key),
            login_beneath,
        }
    }

    /// Whether there is a login that counts once there is no key.
    pub fn is_login_beneath(&self) -> bool {
        let over = self.tokens.snapshot().last_error;
        let is_over = over.is_some_and(|error| {
            error.is_end_of_login() || matches!(error, SessionError::LoggedOut(_))
        });
        !is_over && self.state.lock().login.is_some()
    }

    /// Sets an API key over the interactive login, for everything, at once.
    /// `registry` is where it is sent, if that is settled. One whose setting
    /// was ended meanwhile is not set.
    pub fn set_key(
        &self,
        epoch: Epoch,
        secret: &ApiKeySecret,
        registry: Option<RegistryUrl>,
        info: KeyInfo,
    ) -> Result<(), SessionError> {
        let now = self.dependencies.clock.now();
        let is_over = || self.epochs.is_key_superseded(epoch);
        let set = self.api_key.set(secret, registry, info, now, is_over);
        set.then_some(()).ok_or_else(|| self.superseded())
    }

    /// Drops the API key, and every one that is being set; answers whether
    /// there was one.
    pub fn clear_key(&self) -> bool {
        self.epochs.end_keys();
        self.api_key.clear()
    }

    /// Keeps a key's successor until it is known to be kept, and uses it from
    /// now on where `old` is the key in use. Answers whether it does.
    pub fn succeed(
        &self,
        epoch: Epoch,
        old: Option<&Secret>,
        new: &ApiKeySecret,
        rotation: Rotation,
    ) -> bool {
        let now = self.dependencies.clock.now();
        let is_over = || self.epochs.is_key_superseded(epoch);
        self.api_key.succeed(old, new, rotation, now, is_over)
    }
}

fn key(token: Secret, registry: RegistryUrl, identity: Identity) -> Bearer {
    Bearer {
        token,
        registry,
        expires_at: None,
        kind: TokenKind::ApiKey,
        identity,
        is_from_store: false,
    }
}
