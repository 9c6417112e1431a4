//! One catalog's session.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use quilt_proto::wire::{SessionState, SessionStatus, TokenKind};
use quilt_proto::{CatalogUrl, RegistryUrl};
use tokio::time::Instant;

use super::api_key::UnreadKey;
use super::api_key_slot::ApiKeySlot;
use super::authorized_request::RefusalBackoff;
use super::epoch::Epochs;
use super::identity::Announcer;
use super::role_switch::CarriedSwitches;
use super::token_rotation::{AccessToken, TokenSource};
use super::{Bearer, Dependencies, Identity, KeySerial, RegistryTrust, SessionError};
use crate::refresh::{Policy, RefreshContext, RefreshError, Refresher};
use crate::token_store::{KeptUser, Record, SecretHash, StoreError};

/// A session: logged out, logged in, ended, or an API key over any of these.
pub struct Session {
    pub(super) catalog: CatalogUrl,
    pub(super) dependencies: Dependencies,
    pub(super) tokens: Refresher<Arc<TokenSource>>,
    pub(super) source: Arc<TokenSource>,
    pub(super) epochs: Epochs,
    pub(super) api_key: ApiKeySlot,
    registry_trust: RegistryTrust,
    pub(super) carried_switches: CarriedSwitches,
    pub(super) state: Mutex<State>,
    identity: Announcer,
}

#[derive(Default)]
pub(super) struct State {
    /// The login, without its tokens.
    pub(super) login: Option<Login>,
    /// By which code which login was made here.
    pub(super) spent_code: Option<(String, SecretHash)>,
    /// The stack refuses the login's tokens although it has just issued them.
    pub(super) refusal_backoff: Option<RefusalBackoff>,
    /// Why a logout is not stored yet: a restart would undo it.
    pub(super) unstored_logout: Option<String>,
    /// The login that was logged out of last: while that is not stored yet, it
    /// is not taken up again.
    pub(super) logged_out_id: Option<String>,
    /// A restart forgot an API key that was in use.
    pub(super) key_forgotten: bool,
    /// There is to be an API key, which could not be read at the start.
    pub(super) unread_key: Option<UnreadKey>,
    /// Whose a session was, as the stack last said, be it to a daemon before.
    pub(super) user: Option<KeptUser>,
    /// Where login or key are, or were last; to be shown.
    registry: Option<RegistryUrl>,
}

pub(super) struct Login {
    pub(super) id: String,
    pub(super) role_switches: u64,
}

/// Whose requests are: the login, and the key over it.
pub(super) type Holder = (Option<String>, KeySerial);

impl Session {
    pub(super) fn new(catalog: CatalogUrl, dependencies: Dependencies) -> Self {
        let identity = Announcer::new(dependencies.events.clone());
        let registry_trust = RegistryTrust::new(catalog.clone(), dependencies.clone());
        let source = Arc::new(TokenSource::new(catalog.clone(), dependencies.clone()));
        let tokens = Refresher::new(
            Arc::clone(&source),
            Policy::ACCESS_TOKEN,
            Arc::new(RefreshContext {
                clock: Arc::clone(&dependencies.clock),
                tasks: dependencies.tasks.clone(),
                meter: dependencies.meter.clone(),
                changes: dependencies.events.changes.clone(),
            }),
        );
        tokens.invalidate(SessionError::LoggedOut(catalog.clone()));
        Self {
            catalog,
            dependencies,
            tokens,
            source,
            epochs: Epochs::default(),
            api_key: ApiKeySlot::new(identity.clone()),
            registry_trust,
            carried_switches: CarriedSwitches::default(),
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

    /// Whose requests are: the login, and the key over it.
    pub fn holder(&self) -> Holder {
        (self.login_id(), self.api_key.serial())
    }

    /// Returns once whoever held the session then holds it no more.
    pub async fn held_no_more(self: Arc<Self>, holder: Holder) {
        self.changed_so_that(|| self.holder() != holder).await;
    }

    /// Returns once nobody is logged in, and no key is set.
    pub async fn ended(&self) -> SessionError {
        self.changed_so_that(|| self.is_logged_out()).await;
        self.logged_out()
    }

    async fn changed_so_that(&self, is_so: impl Fn() -> bool) {
        let mut identity = self.identity.watch();
        // The sender lives as long as the session.
        while !is_so() && identity.changed().await.is_ok() {}
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

    /// Which registry its secrets go to.
    pub fn registry_trust(&self) -> &RegistryTrust {
        &self.registry_trust
    }

    /// Takes up a login from the store. A token near its end is not taken up:
    /// how long it was issued for, and so how old it may be, is not stored.
    pub(super) fn resume(&self, record: Record) {
        let token = AccessToken::from(&record);
        let now = self.dependencies.clock.now().wall;
        let ended = record.ended.then(|| record.clone());
        self.enter(record);
        if let Some(record) = ended {
            self.end_by_stack(&record);
        } else if token.is_usable(now) {
            self.tokens.publish(AccessToken {
                is_from_store: true,
                ..token
            });
        } else {
            self.tokens.reset();
        }
        self.change_identity();
    }

    /// The stack ended the stored login.
    pub(super) fn end_by_stack(&self, record: &Record) {
        let error = SessionError::Expired(self.catalog.clone());
        if record.may_come_back() {
            let now = self.dependencies.clock.now().wall;
            let age = record.ended_at.map_or(0, |at| now.seconds_since(at));
            self.tokens.refuse(error, age.max(0));
        } else {
            self.tokens.invalidate(error);
        }
    }

    /// Ends the login here. It is not taken up again from the store.
    pub(super) fn end(&self) {
        {
            let mut state = self.state.lock();
            state.refusal_backoff = None;
            state.logged_out_id = state
                .login
                .take()
                .map(|login| login.id)
                .or(state.logged_out_id.take());
        }
        self.tokens
            .invalidate(SessionError::LoggedOut(self.catalog.clone()));
        self.change_identity();
    }

    /// Takes up a login the stack has just granted.
    pub(super) fn begin(&self, record: Record) {
        let token = AccessToken::from(&record);
        self.enter(record);
        self.tokens.publish(token);
        self.change_identity();
    }

    fn enter(&self, record: Record) {
        let mut state = self.state.lock();
        if state
            .login
            .as_ref()
            .is_none_or(|login| login.id != record.login_id)
        {
            // It may be another user's, who has no part in them.
            self.api_key.forget_rotations();
        }
        state.registry = Some(record.registry_url);
        state.unstored_logout = None;
        state.logged_out_id = None;
        state.refusal_backoff = None;
        state.login = Some(Login {
            id: record.login_id,
            role_switches: record.role_switches,
        });
    }

    /// The login that counts where there is no key.
    pub(crate) fn login_id(&self) -> Option<String> {
        self.state
            .lock()
            .login
            .as_ref()
            .map(|login| login.id.clone())
    }

    /// The registry of login or key, to be shown. Secrets are sent where their
    /// [`Bearer`] says.
    pub fn shown_registry(&self) -> Option<RegistryUrl> {
        let of_key = self.api_key.registry();
        of_key.or_else(|| self.state.lock().registry.clone())
    }

    /// A bearer token with at least a minute left, or half its life.
    pub async fn bearer(&self, timeout: Duration) -> Result<Bearer, SessionError> {
        let deadline = Instant::now() + timeout;
        // Again whenever somebody logs in or out while we wait.
        loop {
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
                let token = token.map_err(|error| self.not_refreshed(error));
                return match token {
                    Err(SessionError::LoggedOut(_)) => Err(self.logged_out()),
                    token => Ok(Bearer::of_login(token?, identity)),
                };
            }
            if Instant::now() >= deadline {
                break;
            }
            tokio::task::yield_now().await;
        }
        Err(self.slow())
    }

    /// Why there is nothing yet: the token store may be what takes its time.
    fn slow(&self) -> SessionError {
        match self.waits_for() {
            Some(error) => SessionError::Store(error),
            None => SessionError::Slow(self.catalog.clone()),
        }
    }

    /// What keeps the login from being renewed, where that is another process.
    pub fn waits_for(&self) -> Option<StoreError> {
        self.dependencies.store.waits_for(&self.catalog)
    }

    /// Why a refresh brought no token.
    pub(super) fn not_refreshed(&self, error: RefreshError<SessionError>) -> SessionError {
        match error {
            RefreshError::Slow => self.slow(),
            error => SessionError::from_refresh(error, &self.catalog),
        }
    }

    /// Another daemon on the same store may have logged somebody else in.
    pub(super) fn follow(&self, token: &AccessToken) {
        // One that was fetched before somebody logged in here says nothing.
        let held = self.tokens.snapshot().value;
        if held.is_none_or(|held| held.token != token.token) {
            return;
        }
        let mut state = self.state.lock();
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

    /// What may be shown.
    pub fn status(&self) -> SessionStatus {
        let login_beneath = self.is_login_beneath();
        let refused = |key| self.key_refusal(key, login_beneath).to_string();
        if let Some(status) = self.api_key.status(refused) {
            return status;
        }
        let tokens = self.tokens.snapshot();
        let state = self.state.lock();
        let (session_state, kind) = match (&state.login, &tokens.last_error) {
            (None, _) | (_, Some(SessionError::LoggedOut(_))) => (SessionState::LoggedOut, None),
            (_, Some(error)) if error.is_end_of_login() => {
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
                .or_else(|| {
                    state
                        .refusal_backoff
                        .as_ref()
                        .map(|doubt| doubt.error.clone())
                })
                .map(|error| error.to_string())
                .or_else(|| state.unstored_logout.clone())
                .or_else(|| state.unread_key.as_ref().map(ToString::to_string))
                .or_else(|| {
                    let forgotten = state.key_forgotten;
                    forgotten.then(|| SessionError::KeyForgotten(self.catalog.clone()).to_string())
                }),
            api_key_fingerprint: None,
            api_key_expires_at: None,
        }
    }

    /// Whether anybody logged in here, or set a key, since the daemon started;
    /// or would have to.
    pub fn was_in_use(&self) -> bool {
        let status = self.status();
        status.state != SessionState::LoggedOut
            || status.last_error.is_some()
            || self.shown_registry().is_some()
            || self.state.lock().logged_out_id.is_some()
    }

    pub(super) fn is_logged_out(&self) -> bool {
        self.status().state == SessionState::LoggedOut
    }

    /// Whether it knows nothing of a login or key that is written nowhere else.
    pub(super) fn is_only_named(&self) -> bool {
        let state = self.state.lock();
        let is_known = state.unstored_logout.is_some()
            || state.logged_out_id.is_some()
            || state.key_forgotten
            || state.unread_key.is_some();
        drop(state);
        !is_known && self.api_key.is_unused() && self.is_logged_out()
    }

    /// Whether there is a session at all that a request could be made with;
    /// says so without asking anyone.
    pub fn check(&self) -> Result<(), SessionError> {
        let status = self.status();
        match (status.state, status.kind) {
            (SessionState::Active, _) => Ok(()),
            (SessionState::LoggedOut, _) => Err(self.logged_out()),
            (SessionState::Expired, Some(TokenKind::ApiKey)) => match self.api_key.mark() {
                Some(key) => Err(self.key_refused(key)),
                // It was dropped this moment.
                None => Err(self.logged_out()),
            },
            (SessionState::Expired, _) => {
                let why = self.tokens.snapshot().last_error;
                let why = why.filter(SessionError::is_end_of_login);
                Err(why.unwrap_or_else(|| SessionError::Expired(self.catalog.clone())))
            }
        }
    }
}
