//! One catalog's session.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use quilt_proto::wire::{SessionState, SessionStatus, TokenKind};
use quilt_proto::{ApiKeySecret, CatalogUrl, RegistryUrl, Secret};

use super::key::{HeldBack, Key, KeyFacts, Rotation};
use super::source::{AccessToken, TokenSource};
use super::{Bearer, Identity, Parts, SessionError};
use crate::refresh::{Policy, Refresher};
use crate::store::Record;

/// A session: logged out, logged in, ended, or an API key over any of these.
pub struct Session {
    pub(super) catalog: CatalogUrl,
    pub(super) parts: Parts,
    pub(super) tokens: Refresher<Arc<TokenSource>>,
    pub(super) source: Arc<TokenSource>,
    state: Mutex<State>,
    identity: AtomicU64,
}

#[derive(Default)]
pub(super) struct State {
    /// The login, without its tokens.
    pub(super) login: Option<Login>,
    pub(super) key: Option<Key>,
    /// Why a logout is not stored yet: a restart would undo it.
    pub(super) half_logged_out: Option<String>,
    /// The login that was logged out of last: while that is not stored yet, it
    /// is not taken up again.
    pub(super) forgotten: Option<String>,
    /// A key's successor that is not known to be kept yet.
    rotation: Option<Rotation>,
    /// Where login or key are, or were last; to be shown.
    registry: Option<RegistryUrl>,
}

pub(super) struct Login {
    pub(super) id: String,
    pub(super) role_switches: u64,
}

impl Session {
    pub(super) fn new(catalog: CatalogUrl, parts: Parts) -> Self {
        let source = Arc::new(TokenSource::new(catalog.clone(), parts.clone()));
        let tokens = Refresher::new(
            Arc::clone(&source),
            Policy::ACCESS_TOKEN,
            Arc::clone(&parts.clock),
            parts.tasks.clone(),
            parts.meter.clone(),
        );
        tokens.kill(SessionError::LoggedOut(catalog.clone()));
        Self {
            catalog,
            parts,
            tokens,
            source,
            state: Mutex::default(),
            identity: AtomicU64::new(1),
        }
    }

    /// The catalog.
    pub fn catalog(&self) -> &CatalogUrl {
        &self.catalog
    }

    /// Who this session is now.
    pub fn identity(&self) -> Identity {
        Identity(self.identity.load(Ordering::SeqCst))
    }

    /// Everything obtained so far belongs to somebody else now.
    pub fn change_identity(&self) {
        self.identity.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up a login from the store. A token near its end is not taken up:
    /// how long it was issued for, and so how old it may be, is not stored.
    pub(super) fn resume(&self, record: Record) {
        let token = AccessToken::from(&record);
        let (now, ended) = (self.parts.clock.now().wall, record.ended);
        self.enter(record);
        if ended {
            self.tokens
                .kill(SessionError::Expired(self.catalog.clone()));
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
        state.login = Some(Login {
            id: record.login_id,
            role_switches: record.role_switches,
        });
    }

    /// The registry of login or key, to be shown. Secrets are sent where their
    /// [`Bearer`] says.
    pub fn shown_registry(&self) -> Option<RegistryUrl> {
        let state = self.state();
        let of_key = state.key.as_ref().and_then(|key| key.registry.clone());
        of_key.or_else(|| state.registry.clone())
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
                let token = token.map_err(|e| SessionError::from_refresh(e, &self.catalog))?;
                return Ok(interactive(token, identity));
            }
        }
        Err(SessionError::Slow(self.catalog.clone()))
    }

    /// Another daemon on the same store may have logged somebody else in.
    pub(super) fn follow(&self, token: &AccessToken) {
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
            let identity = {
                let mut state = self.state();
                let identity = self.identity();
                let Some(key) = &mut state.key else {
                    return Ok(None);
                };
                if let Some(registry) = key.registry.clone() {
                    return self.use_key(key, registry, identity).map(Some);
                }
                identity
            };
            let registry = self.registry_for_key().await;
            let mut state = self.state();
            // It has to be the same key still: identity and key change together.
            if let Some(key) = state.key.as_mut().filter(|_| self.identity() == identity) {
                key.held_back = registry.as_ref().err().and_then(held_back);
                return self.use_key(key, registry?, identity).map(Some);
            }
        }
    }

    fn use_key(
        &self,
        key: &mut Key,
        registry: RegistryUrl,
        identity: Identity,
    ) -> Result<Bearer, SessionError> {
        let token = key.try_use(self.parts.clock.now());
        let token = token.ok_or_else(|| SessionError::KeyRefused(self.catalog.clone()))?;
        Ok(Bearer {
            token,
            registry,
            expires_at: None,
            kind: TokenKind::ApiKey,
            identity,
            second_hand: false,
        })
    }

    /// Keeps to the registry that the key in use has succeeded at.
    pub(super) async fn settle_key(&self, bearer: &Bearer) {
        {
            let mut state = self.state();
            let Some(key) = state.key.as_mut().filter(|key| key.is(&bearer.token)) else {
                return;
            };
            key.accepted();
            if key.registry.is_some() {
                return;
            }
            key.registry = Some(bearer.registry.clone());
        }
        self.trust(&bearer.registry).await;
    }

    /// Sets an API key over the interactive login, for everything, at once.
    /// `registry` is where it is sent, if that is settled.
    pub fn set_key(&self, secret: &ApiKeySecret, registry: Option<RegistryUrl>, known: KeyFacts) {
        let mut state = self.state();
        state.key = Some(Key::new(secret, registry, known));
        state.rotation = None;
        self.change_identity();
    }

    /// Drops the API key; answers whether there was one.
    pub fn clear_key(&self) -> bool {
        let mut state = self.state();
        state.rotation = None;
        let had = state.key.take().is_some();
        if had {
            self.change_identity();
        }
        had
    }

    /// A copy of the key in use, refused or not.
    pub fn key(&self) -> Option<Secret> {
        self.state().key.as_ref().map(Key::copy)
    }

    /// Where the key in use has succeeded, with a copy of it.
    pub fn settled_key(&self) -> Option<(RegistryUrl, Secret)> {
        let state = self.state();
        let key = state.key.as_ref()?;
        Some((key.registry.clone()?, key.copy()))
    }

    /// Why the key in use is sent nowhere, if it is not.
    pub fn held_back(&self) -> Option<HeldBack> {
        self.state().key.as_ref()?.held_back.clone()
    }

    /// What the stack said of the key in use.
    pub fn key_facts(&self) -> Option<KeyFacts> {
        self.state().key.as_ref().map(|key| key.known.clone())
    }

    /// Keeps what the stack says of a key, if it still is the one in use.
    pub fn learn(&self, secret: &Secret, known: KeyFacts) {
        if let Some(key) = &mut self.state().key
            && key.is(secret)
        {
            key.known = known;
        }
    }

    /// Keeps a key's successor until it is known to be kept, and uses it from
    /// now on where `old` is the key in use. Answers whether it does.
    pub fn succeed(&self, old: Option<&Secret>, new: &ApiKeySecret, rotation: Rotation) -> bool {
        let mut state = self.state();
        let replaced = old.and_then(|old| state.key.take_if(|key| key.is(old)));
        let in_use = replaced.is_some();
        if let Some(old) = replaced {
            let known = KeyFacts {
                record: Some(rotation.new.clone()),
                me: old.known.me,
                ..KeyFacts::default()
            };
            // Where the old one is, the new one was made.
            state.key = Some(Key::new(new, old.registry, known));
            self.change_identity();
        }
        state.rotation = Some(Rotation { in_use, ..rotation });
        in_use
    }

    /// Looks at the rotation whose successor is not known to be kept.
    pub fn rotation<T>(&self, look: impl FnOnce(&Rotation) -> T) -> Option<T> {
        self.state().rotation.as_ref().map(look)
    }

    /// A key of this id is gone, which settles a rotation it had part in.
    pub fn settle(&self, id: &str) {
        let mut state = self.state();
        if let Some(rotation) = &state.rotation
            && (rotation.old.id == id || rotation.new.id == id)
        {
            state.rotation = None;
        }
        if let Some(key) = &mut state.key {
            key.known.twins.retain(|twin| twin.id != id);
        }
    }

    /// What may be shown.
    pub fn status(&self) -> SessionStatus {
        let tokens = self.tokens.snapshot();
        let state = self.state();
        if let Some(key) = &state.key {
            return key.status(|| SessionError::KeyRefused(self.catalog.clone()).to_string());
        }
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
                .map(|error| error.to_string())
                .or_else(|| state.half_logged_out.clone()),
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
            (SessionState::LoggedOut, _) => Err(SessionError::LoggedOut(self.catalog.clone())),
            (SessionState::Expired, Some(TokenKind::ApiKey)) => {
                Err(SessionError::KeyRefused(self.catalog.clone()))
            }
            (SessionState::Expired, _) => Err(SessionError::Expired(self.catalog.clone())),
        }
    }
}

/// What is to be known of a key for which there is no registry.
fn held_back(error: &SessionError) -> Option<HeldBack> {
    match error {
        SessionError::RegistryChanged { named, .. } => Some(HeldBack {
            named: named.clone(),
            why: error.to_string(),
        }),
        _ => None,
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
