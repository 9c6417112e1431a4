//! Where fresh access tokens come from: rotation of the refresh token.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use quilt_proto::{CatalogUrl, RegistryUrl, Secret, Timestamp};

use super::unsaved_tokens::Unsaved;
use super::{Dependencies, SessionError};
use crate::clock::ClockSkew;
use crate::refresh::{Expires, Failure, Policy, Source};
use crate::stack::{self, StackError, Tokens};
use crate::token_store::{LockGuard, LoginMethod, Record, Reservation, StoreError};

/// What expires, in words.
pub(super) const TOKENS: &str = "the stack's tokens";

/// A refusal can be a hiccup (a deploy, a stale replica); this long later the
/// stack is asked once more, before anything is concluded from it.
pub const RECHECK: Duration = Duration::from_millis(1200);

/// An access token.
#[derive(Clone, Debug)]
pub struct AccessToken {
    pub(super) token: Secret,
    /// Where it is good.
    pub(super) registry: RegistryUrl,
    pub(super) expires_at: Timestamp,
    /// The login it belongs to.
    pub(super) login_id: String,
    /// How often the role was switched when it was issued.
    pub(super) role_switches: u64,
    /// It comes from the store, not straight from the stack.
    pub(super) is_from_store: bool,
}

impl From<&Record> for AccessToken {
    fn from(record: &Record) -> Self {
        Self {
            token: record.access_token.clone(),
            registry: record.registry_url.clone(),
            expires_at: record.access_token_expires_at,
            login_id: record.login_id.clone(),
            role_switches: record.role_switches,
            is_from_store: false,
        }
    }
}

impl AccessToken {
    pub(super) fn is_usable(&self, now: Timestamp) -> bool {
        self.expires_at.seconds_since(now) > Policy::ACCESS_TOKEN.min_left
    }
}

impl Expires for AccessToken {
    fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

/// Rotates one catalog's refresh token.
pub struct TokenSource {
    pub(super) catalog: CatalogUrl,
    pub(super) dependencies: Dependencies,
    /// A login or rotation the stack granted that could not be stored yet.
    pub(super) unsaved: Mutex<Option<Unsaved>>,
    /// Why the login of this number is over, where that is more than that its
    /// stack ended it.
    end: Mutex<Option<(String, SessionError)>>,
}

impl TokenSource {
    pub(super) fn new(catalog: CatalogUrl, dependencies: Dependencies) -> Self {
        Self {
            catalog,
            dependencies,
            unsaved: Mutex::default(),
            end: Mutex::default(),
        }
    }

    /// Marks the stored login as ended by the stack, unless it has got another
    /// access token than the `refused` one since.
    pub(super) async fn mark_ended(
        &self,
        login_id: &str,
        refused: &Secret,
    ) -> Result<(), StoreError> {
        let now = self.dependencies.clock.now().wall;
        let mark = |document: &mut crate::token_store::Document| {
            let record = document.sessions.get_mut(&self.catalog)?;
            let is_it = record.login_id == login_id && record.access_token == *refused;
            (is_it && !record.ended).then(|| {
                record.ended = true;
                record.ended_at = Some(now);
            })
        };
        let store = &self.dependencies.store;
        store.update(Reservation::default(), mark).await.map(drop)
    }

    /// Rotates the refresh token. A refusal is asked about again before the
    /// login counts as ended.
    async fn rotate(&self, record: Record) -> Result<AccessToken, Failure<SessionError>> {
        let is_stopping = || self.dependencies.tasks.is_closed();
        if is_stopping() {
            return Err(transient(SessionError::Stopping));
        }
        let reservation = self.dependencies.store.reserve().await.map_err(transient)?;
        let tokens = match self.refresh(&record).await {
            Err(error) if error.rejects_token() && is_stopping() => return Err(transient(error)),
            Err(error) if error.rejects_token() => {
                tracing::info!(catalog = %self.catalog, "refresh refused, asking once more");
                self.dependencies.clock.sleep(RECHECK).await;
                self.refresh(&record).await
            }
            outcome => outcome,
        };
        match tokens {
            Ok(tokens) => self.keep(record, tokens, reservation).await,
            Err(error) if error.rejects_token() => {
                tracing::warn!(catalog = %self.catalog, "the stack ended the session: {error}");
                Err(self.end(&record, self.expired()).await)
            }
            Err(error) => Err(transient(error)),
        }
    }

    /// Stores what the stack gave for a refresh token.
    async fn keep(
        &self,
        record: Record,
        tokens: Tokens,
        reservation: Reservation,
    ) -> Result<AccessToken, Failure<SessionError>> {
        let before = record.access_token.clone();
        let now = self.dependencies.clock.now().wall;
        let unsaved = Unsaved {
            record: rotated(record, tokens, now),
            is_login: false,
            doubted_since: None,
        };
        self.is_same_user(&unsaved, &before).await?;
        let token = AccessToken::from(&unsaved.record);
        match self.save(unsaved, reservation).await {
            Ok(true) => match ClockSkew::check(TOKENS, token.expires_at, now) {
                Ok(()) => Ok(token),
                Err(skew) => Err(transient(SessionError::ClockSkew(skew))),
            },
            Ok(false) => Err(self.logged_out()),
            Err(error) => Err(transient(error)),
        }
    }

    async fn refresh(&self, record: &Record) -> Result<Tokens, StackError> {
        let stack = &self.dependencies.stack;
        match &record.method {
            LoginMethod::Code => {
                stack::tokens::exchange(stack, &record.registry_url, &record.refresh_token).await
            }
            LoginMethod::OAuth {
                client_id,
                token_endpoint,
                ..
            } => {
                let now = self.dependencies.clock.now().wall;
                stack::tokens::refresh(stack, token_endpoint, client_id, &record.refresh_token, now)
                    .await
            }
        }
    }

    /// The login that the stored tokens belong to, and its right to rotate them.
    async fn stored(&self) -> Result<(LockGuard, Record), Failure<SessionError>> {
        // Two processes that rotate at once lose the login: one at a time, and
        // whoever comes second takes up what the first one stored.
        let turn = self.dependencies.store.rotation(&self.catalog).await;
        let turn = turn.map_err(transient)?;
        let stored = self.dependencies.store.record(&self.catalog).await;
        self.drop_if_replaced(stored.map_err(transient)?.as_ref());
        self.save_leftover().await?;
        let record = self.dependencies.store.record(&self.catalog).await;
        let record = record.map_err(transient)?;
        Ok((turn, record.ok_or_else(|| self.logged_out())?))
    }

    /// The login that took the place of another one while that was being renewed.
    /// Whatever became of the other one is no news of this.
    async fn replacement(&self, login_id: &str) -> Option<Record> {
        let mut document = self.dependencies.store.look().await.ok()?;
        let record = document.sessions.remove(&self.catalog)?;
        let is_other = record.login_id != login_id;
        is_other.then(|| {
            tracing::info!(catalog = %self.catalog, "somebody logged in meanwhile");
            record
        })
    }

    /// A token of this login other than what is held.
    async fn renew(
        &self,
        record: Record,
        held: Option<&AccessToken>,
    ) -> Result<AccessToken, Failure<SessionError>> {
        if record.ended {
            return Err(over(&record, self.why_over(&record)));
        }
        let news = held.is_none_or(|held| held.token != record.access_token);
        match self.usable_token(&record) {
            Some(stored) if news => Ok(stored),
            _ => self.rotate(record).await,
        }
    }

    /// Asks once whether the stack takes back that it ended this login.
    async fn ask_back(&self, record: Record) -> Result<AccessToken, Failure<SessionError>> {
        let reservation = self.dependencies.store.reserve().await.map_err(transient)?;
        match self.refresh(&record).await {
            Ok(tokens) => {
                tracing::info!(catalog = %self.catalog, "the stack takes the session back");
                let token = self.keep(record, tokens, reservation).await?;
                self.dependencies.events.identities.announce();
                Ok(token)
            }
            Err(error) if error.rejects_token() => Err(over(&record, self.why_over(&record))),
            Err(error) => Err(transient(error)),
        }
    }

    fn usable_token(&self, record: &Record) -> Option<AccessToken> {
        let stored = AccessToken::from(record);
        let is_usable = stored.is_usable(self.dependencies.clock.now().wall);
        let worth = is_usable && !record.ended;
        worth.then_some(AccessToken {
            is_from_store: true,
            ..stored
        })
    }

    /// Notes that a login is over, and says what that means for it.
    pub(super) async fn end(&self, record: &Record, error: SessionError) -> Failure<SessionError> {
        let marked = self
            .mark_ended(&record.login_id, &record.access_token)
            .await;
        if let Err(error) = marked {
            tracing::warn!("cannot note that the session ended: {error}");
        }
        let mut end = self.end.lock();
        *end = Some((record.login_id.clone(), error.clone()));
        over(record, error)
    }

    /// Why a login is over.
    fn why_over(&self, record: &Record) -> SessionError {
        let end = self.end.lock();
        let known = end.as_ref().filter(|(id, _)| *id == record.login_id);
        known.map_or_else(|| self.expired(), |(_, why)| why.clone())
    }

    fn expired(&self) -> SessionError {
        SessionError::Expired(self.catalog.clone())
    }

    fn logged_out(&self) -> Failure<SessionError> {
        Failure::Definite(SessionError::LoggedOut(self.catalog.clone()))
    }
}

/// What it means for a login that it is over. An OAuth server is not asked
/// again: a spent token that comes back raises alarms there.
fn over(record: &Record, error: SessionError) -> Failure<SessionError> {
    if record.may_come_back() {
        Failure::Refused(error)
    } else {
        Failure::Definite(error)
    }
}

pub(super) fn transient(error: impl Into<SessionError>) -> Failure<SessionError> {
    Failure::Transient(error.into())
}

/// The record after its tokens were replaced.
fn rotated(record: Record, tokens: Tokens, now: Timestamp) -> Record {
    Record {
        refresh_token: tokens.refresh_token.unwrap_or(record.refresh_token),
        access_token: tokens.access_token,
        access_token_expires_at: tokens.expires_at,
        obtained_at: now,
        ended: false,
        ended_at: None,
        ..record
    }
}

#[async_trait]
impl Source for Arc<TokenSource> {
    type Value = AccessToken;
    type Error = SessionError;

    async fn fetch(&self, held: Option<AccessToken>) -> Result<AccessToken, Failure<SessionError>> {
        let (_turn, mut record) = self.stored().await?;
        loop {
            let login_id = record.login_id.clone();
            match self.renew(record, held.as_ref()).await {
                Ok(token) => return Ok(token),
                Err(failure) => record = self.replacement(&login_id).await.ok_or(failure)?,
            }
        }
    }

    fn retry_after(error: &SessionError) -> Option<u32> {
        error.retry_after()
    }

    /// One request: what is refused again is no news.
    async fn probe(&self) -> Result<AccessToken, Failure<SessionError>> {
        let (_turn, record) = self.stored().await?;
        if let Some(stored) = self.usable_token(&record) {
            return Ok(stored);
        }
        let login_id = record.login_id.clone();
        match self.ask_back(record).await {
            Ok(token) => Ok(token),
            Err(failure) => {
                let other = self.replacement(&login_id).await;
                let token = other.and_then(|other| self.usable_token(&other));
                token.ok_or(failure)
            }
        }
    }
}
