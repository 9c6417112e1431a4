//! One catalog's session.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use quilt_proto::wire::{SessionState, SessionStatus, TokenKind};
use quilt_proto::{ApiKeySecret, CatalogUrl, RegistryUrl, Secret};

use super::api_key::{ApiKeySlot, KeySerial, Usable};
use super::authorized::Doubt;
use super::identity::Announcer;
use super::key::{KeyFacts, Rotation};
use super::source::{AccessToken, TokenSource};
use super::story::{Begun, Story};
use super::{Bearer, Identity, Parts, SessionError};
use crate::refresh::{Policy, Refresher, Watched};
use crate::store::Record;

/// A session: logged out, logged in, ended, or an API key over any of these.
pub struct Session {
    pub(super) catalog: CatalogUrl,
    pub(super) parts: Parts,
    pub(super) tokens: Refresher<Arc<TokenSource>>,
    pub(super) source: Arc<TokenSource>,
    pub(super) story: Story,
    api_key: ApiKeySlot,
    state: Mutex<State>,
    identity: Announcer,
}

#[derive(Default)]
pub(super) struct State {
    /// The login, without its tokens.
    pub(super) login: Option<Login>,
    /// The stack refuses the login's tokens although it has just issued them.
    pub(super) doubt: Option<Doubt>,
    /// Why a logout is not stored yet: a restart would undo it.
    pub(super) half_logged_out: Option<String>,
    /// The login that was logged out of last: while that is not stored yet, it
    /// is not taken up again.
    pub(super) forgotten: Option<String>,
    /// A restart forgot an API key that was in use.
    pub(super) key_forgotten: bool,
    /// Where login or key are, or were last; to be shown.
    registry: Option<RegistryUrl>,
}

pub(super) struct Login {
    pub(super) id: String,
    pub(super) role_switches: u64,
}

impl Session {
    pub(super) fn new(catalog: CatalogUrl, parts: Parts) -> Self {
        let identity = Announcer::new(parts.news.clone());
        let source = Arc::new(TokenSource::new(catalog.clone(), parts.clone()));
        let tokens = Refresher::new(
            Arc::clone(&source),
            Policy::ACCESS_TOKEN,
            Watched {
                clock: Arc::clone(&parts.clock),
                tasks: parts.tasks.clone(),
                meter: parts.meter.clone(),
                changes: parts.news.changes.clone(),
            },
        );
        tokens.kill(SessionError::LoggedOut(catalog.clone()));
        Self {
            catalog,
            parts,
            tokens,
            source,
            story: Story::default(),
            api_key: ApiKeySlot::new(identity.clone()),
            state: Mutex::default(),
            identity,
        }
    }

    /// The catalog.
    pub fn catalog(&self) -> &CatalogUrl {
        &self.catalog
    }

    /// Who this session is now.
    pub fn identity(&self) -> Identity {
        self.identity.current()
    }

    /// Everything obtained so far belongs to somebody else now.
    pub fn change_identity(&self) {
        self.identity.change();
    }

    /// What was refused works again.
    pub(super) fn announce(&self) {
        self.identity.announce();
    }

    /// The place of its API key.
    pub fn api_key(&self) -> &ApiKeySlot {
        &self.api_key
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up a login from the store. A token near its end is not taken up:
    /// how long it was issued for, and so how old it may be, is not stored.
    pub(super) fn resume(&self, record: Record) {
        let token = AccessToken::from(&record);
        let now = self.parts.clock.now().wall;
        let ended = record.ended.then(|| record.clone());
        self.enter(record);
        if let Some(record) = ended {
            self.be_ended(&record);
        } else if token.is_worth_taking_up(now) {
            self.tokens.publish(AccessToken {
                second_hand: true,
                ..token
            });
        } else {
            self.tokens.reset();
        }
        self.change_identity();
    }

    /// The stack ended the stored login.
    pub(super) fn be_ended(&self, record: &Record) {
        let error = SessionError::Expired(self.catalog.clone());
        if record.may_come_back() {
            let now = self.parts.clock.now().wall;
            let age = record.ended_at.map_or(0, |at| now.seconds_since(at));
            self.tokens.refuse(error, age.max(0));
        } else {
            self.tokens.kill(error);
        }
    }

    /// Takes up a login the stack has just granted.
    pub(super) fn begin(&self, record: Record) {
        let token = AccessToken::from(&record);
        self.enter(record);
        self.tokens.publish(token);
        self.change_identity();
    }

    fn enter(&self, record: Record) {
        let mut state = self.state();
        state.registry = Some(record.registry_url);
        state.half_logged_out = None;
        state.forgotten = None;
        state.doubt = None;
        state.login = Some(Login {
            id: record.login_id,
            role_switches: record.role_switches,
        });
    }

    /// The login that counts where there is no key.
    #[cfg(test)]
    pub(crate) fn login_id(&self) -> Option<String> {
        self.state().login.as_ref().map(|login| login.id.clone())
    }

    /// The registry of login or key, to be shown. Secrets are sent where their
    /// [`Bearer`] says.
    pub fn shown_registry(&self) -> Option<RegistryUrl> {
        let of_key = self.api_key.registry();
        of_key.or_else(|| self.state().registry.clone())
    }

    /// A bearer token with at least a minute left, or half its life.
    pub async fn bearer(&self, patience: Duration) -> Result<Bearer, SessionError> {
        let deadline = Instant::now() + patience;
        // Once more when somebody logs in or out while we wait.
        for _ in 0..3 {
            let left = deadline.saturating_duration_since(Instant::now());
            match tokio::time::timeout(left, self.key_bearer()).await {
                Ok(Ok(None)) => {}
                Ok(Ok(Some(bearer))) => return Ok(bearer),
                Ok(Err(error)) => return Err(error),
                Err(_) => break,
            }
            let identity = self.identity();
            let left = deadline.saturating_duration_since(Instant::now());
            let token = self.tokens.value(left).await;
            if let Ok(token) = &token {
                self.follow(token);
            }
            if identity == self.identity() {
                let token = token.map_err(|e| SessionError::from_refresh(e, &self.catalog));
                return match token {
                    Err(SessionError::LoggedOut(_)) => Err(self.logged_out()),
                    token => Ok(interactive(token?, identity)),
                };
            }
        }
        Err(SessionError::Slow(self.catalog.clone()))
    }

    /// Another daemon on the same store may have logged somebody else in.
    pub(super) fn follow(&self, token: &AccessToken) {
        // One that was fetched before somebody logged in here says nothing.
        let held = self.tokens.snapshot().value;
        if held.is_none_or(|held| held.token != token.token) {
            return;
        }
        let mut state = self.state();
        let Some(login) = &mut state.login else {
            return;
        };
        let is_other = login.id != token.login_id;
        // A token that was here before a switch says nothing about it.
        if is_other || login.role_switches < token.role_switches {
            login.id.clone_from(&token.login_id);
            login.role_switches = token.role_switches;
            self.change_identity();
        }
    }

    /// The key in use, if there is one, with where it may be sent. That of one
    /// which has not succeeded anywhere is asked for each time.
    async fn key_bearer(&self) -> Result<Option<Bearer>, SessionError> {
        loop {
            let serial = match self.api_key.usable() {
                Usable::None => return Ok(None),
                Usable::Refused => return Err(self.key_refused()),
                Usable::At(registry, token, identity) => {
                    return Ok(Some(key(token, registry, identity)));
                }
                Usable::Anywhere(serial) => serial,
            };
            let registry = self.registry_for_key().await;
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
            None => self.registry_for_key().await,
        };
        match self.api_key.usable_at(serial, &registry) {
            Some((token, identity)) => Ok(Some(key(token, registry?, identity))),
            None => Ok(None),
        }
    }

    /// The stack said of a key that it works; that of this registry is kept to.
    pub async fn key_accepted(&self, bearer: &Bearer) {
        if self.api_key.accepted(&bearer.token, &bearer.registry) {
            self.trust(&bearer.registry).await;
        }
    }

    /// The stack said no to a key, twice.
    pub fn key_rejected(&self, bearer: &Bearer) -> SessionError {
        self.api_key.refused(&bearer.token, self.parts.clock.now());
        self.key_refused()
    }

    fn logged_out(&self) -> SessionError {
        if self.is_key_forgotten() {
            SessionError::KeyForgotten(self.catalog.clone())
        } else {
            SessionError::LoggedOut(self.catalog.clone())
        }
    }

    /// Whether a restart forgot an API key, and nobody has said since that it
    /// is not needed.
    pub fn is_key_forgotten(&self) -> bool {
        // One lock at a time.
        let forgotten = self.state().key_forgotten;
        forgotten && !self.api_key.is_set()
    }

    /// Remembers that there is a key, or that there is none, so that a later
    /// daemon can tell.
    pub async fn note_key(&self) {
        let _turn = self.story.turn().await;
        let is_set = self.api_key.is_set();
        self.state().key_forgotten = false;
        if let Err(error) = self.parts.store.note_key(&self.catalog, is_set).await {
            tracing::warn!("cannot note whether an API key is in use: {error}");
        }
    }

    fn key_refused(&self) -> SessionError {
        SessionError::KeyRefused {
            catalog: self.catalog.clone(),
            login_beneath: self.is_login_beneath(),
        }
    }

    /// Whether there is a login that counts once there is no key.
    pub fn is_login_beneath(&self) -> bool {
        use SessionError::{Expired, LoggedOut};
        let over = self.tokens.snapshot().last_error;
        let is_over = matches!(over, Some(Expired(_) | LoggedOut(_)));
        !is_over && self.state().login.is_some()
    }

    /// Sets an API key over the interactive login, for everything, at once.
    /// `registry` is where it is sent, if that is settled. One whose setting
    /// was ended meanwhile is not set.
    pub fn set_key(
        &self,
        begun: Begun,
        secret: &ApiKeySecret,
        registry: Option<RegistryUrl>,
        known: KeyFacts,
    ) -> Result<(), SessionError> {
        let (now, is_over) = (self.parts.clock.now(), || self.story.is_key_over(begun));
        let set = self.api_key.set(secret, registry, known, now, is_over);
        set.then_some(()).ok_or_else(|| self.overtaken())
    }

    /// Drops the API key, and every one that is being set; answers whether
    /// there was one.
    pub fn clear_key(&self) -> bool {
        self.story.end_keys();
        self.api_key.clear()
    }

    /// Keeps a key's successor until it is known to be kept, and uses it from
    /// now on where `old` is the key in use. Answers whether it does.
    pub fn succeed(
        &self,
        begun: Begun,
        old: Option<&Secret>,
        new: &ApiKeySecret,
        rotation: Rotation,
    ) -> bool {
        let (now, is_over) = (self.parts.clock.now(), || self.story.is_key_over(begun));
        self.api_key.succeed(old, new, rotation, now, is_over)
    }

    /// What may be shown.
    pub fn status(&self) -> SessionStatus {
        let refused = self.key_refused();
        if let Some(status) = self.api_key.status(|| refused.to_string()) {
            return status;
        }
        let tokens = self.tokens.snapshot();
        let state = self.state();
        let (session_state, kind) = match (&state.login, &tokens.last_error) {
            (None, _) | (_, Some(SessionError::LoggedOut(_))) => (SessionState::LoggedOut, None),
            (_, Some(SessionError::Expired(_))) => {
                (SessionState::Expired, Some(TokenKind::Interactive))
            }
            _ => (SessionState::Active, Some(TokenKind::Interactive)),
        };
        SessionStatus {
            state: session_state,
            kind,
            access_token_expires_at: tokens.value.map(|token| token.expires_at),
            last_error: tokens
                .last_error
                .filter(|error| !matches!(error, SessionError::LoggedOut(_)))
                .or_else(|| state.doubt.as_ref().map(|doubt| doubt.error.clone()))
                .map(|error| error.to_string())
                .or_else(|| state.half_logged_out.clone())
                .or_else(|| {
                    let forgotten = state.key_forgotten;
                    forgotten.then(|| SessionError::KeyForgotten(self.catalog.clone()).to_string())
                }),
            api_key_fingerprint: None,
            api_key_expires_at: None,
        }
    }

    pub(super) fn is_logged_out(&self) -> bool {
        self.status().state == SessionState::LoggedOut
    }

    /// Whether there is a session at all that a request could be made with;
    /// says so without asking anyone.
    pub fn check(&self) -> Result<(), SessionError> {
        let status = self.status();
        match (status.state, status.kind) {
            (SessionState::Active, _) => Ok(()),
            (SessionState::LoggedOut, _) => Err(self.logged_out()),
            (SessionState::Expired, Some(TokenKind::ApiKey)) => Err(self.key_refused()),
            (SessionState::Expired, _) => Err(SessionError::Expired(self.catalog.clone())),
        }
    }
}

fn key(token: Secret, registry: RegistryUrl, identity: Identity) -> Bearer {
    Bearer {
        token,
        registry,
        expires_at: None,
        kind: TokenKind::ApiKey,
        identity,
        second_hand: false,
    }
}

pub(super) fn interactive(token: AccessToken, identity: Identity) -> Bearer {
    Bearer {
        token: token.token,
        registry: token.registry,
        expires_at: Some(token.expires_at),
        kind: TokenKind::Interactive,
        identity,
        second_hand: token.second_hand,
    }
}
