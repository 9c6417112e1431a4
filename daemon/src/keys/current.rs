//! The key in use: setting it, dropping it, knowing it.

use std::sync::Arc;
use std::time::Duration;

use quilt_proto::wire::{ApiKey, ApiKeyFilter, ApiKeyStatus, TokenKind};
use quilt_proto::{ApiKeySecret, Quoted, RegistryUrl, Secret};

use super::{KeyError, KeyNotice, Keys, PATIENCE};
use crate::session::{KeyFacts, Session, SessionError};
use crate::stack::{Scope, StackError};

/// How long setting a key waits for the stack's opinion.
const OPINION: Duration = Duration::from_secs(8);

/// One refusal may be a hiccup; this long later the stack is asked once more.
const SECOND_OPINION: Duration = Duration::from_millis(700);

/// How long before a key's end to say so, in seconds: two weeks.
const NOTICE: i64 = 14 * 86_400;

/// Between attempts to get the stack's opinion of a key that could not be
/// checked, in seconds.
const ASK_AGAIN: i64 = 30;

impl Keys {
    /// Uses a key instead of the login from now on. A key the stack refuses is
    /// not set. One that cannot be checked is, because a laptop that starts
    /// without network must be able to take its key; the status says so until
    /// it was checked.
    pub async fn set(
        self: &Arc<Self>,
        session: &Arc<Session>,
        secret: &ApiKeySecret,
    ) -> Result<(), KeyError> {
        let opinion = tokio::time::timeout(OPINION, self.opinion(session, secret.secret()));
        let opinion = opinion.await;
        // A key that was only tried is not kept in a connection's buffers.
        self.stack.forget_connections();
        let facts = match opinion {
            Ok(Ok(facts)) => facts,
            Ok(Err(SessionError::Stack(StackError::Unauthorized { .. }))) => {
                return Err(SessionError::KeyRefused(session.catalog().clone()).into());
            }
            Ok(Err(SessionError::Stack(error @ StackError::Unreachable { .. }))) => {
                unchecked(&error.to_string())
            }
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => unchecked("the stack takes too long to answer"),
        };
        self.adopt(session, secret, facts);
        Ok(())
    }

    /// Uses a key without waiting for the stack's opinion, for daemons that are
    /// started with one.
    pub fn set_unchecked(self: &Arc<Self>, session: &Arc<Session>, secret: &ApiKeySecret) {
        self.adopt(session, secret, unchecked("the daemon just started"));
    }

    fn adopt(self: &Arc<Self>, session: &Arc<Session>, secret: &ApiKeySecret, facts: KeyFacts) {
        let is_unchecked = facts.unchecked.is_some();
        session.set_key(secret, facts);
        self.flush(session);
        if is_unchecked {
            let (keys, session) = (Arc::clone(self), Arc::clone(session));
            // Not among the tasks a stopping daemon waits for.
            tokio::spawn(async move { keys.ask_later(&session).await });
        }
    }

    /// Drops the key in use; the login counts again.
    pub fn clear(&self, session: &Session) {
        session.clear_key();
        self.flush(session);
    }

    /// What to mend about the keys of a session.
    pub fn notices(&self, session: &Session) -> Vec<KeyNotice> {
        let mut notices = Vec::new();
        let catalog = session.catalog();
        let facts = session.key_facts().unwrap_or_default();
        if let Some(key) = &facts.record {
            let left = key.expires_at.seconds_since(self.clock.now().wall);
            if left < NOTICE {
                notices.push(KeyNotice::Ends {
                    name: Quoted::new(&key.name),
                    fingerprint: key.fingerprint.clone(),
                    catalog: catalog.clone(),
                    at: key.expires_at,
                    is_over: left <= 0,
                });
            }
        }
        let unfinished = session.rotation(|rotation| rotation.old.clone());
        notices.extend(
            unfinished
                .iter()
                .chain(&facts.twins)
                .map(|key| KeyNotice::Left {
                    name: Quoted::new(&key.name),
                    id: key.id.clone(),
                    catalog: catalog.clone(),
                }),
        );
        notices.dedup();
        notices
    }

    /// What the stack says of a key: whether it works, and which one it is.
    async fn opinion(&self, session: &Session, secret: &Secret) -> Result<KeyFacts, SessionError> {
        let registry = session.registry().await?;
        let first = self.facts(&registry, secret).await;
        let facts = match first {
            Err(StackError::Unauthorized { .. }) => {
                tokio::time::sleep(SECOND_OPINION).await;
                self.facts(&registry, secret).await
            }
            outcome => outcome,
        };
        Ok(facts?)
    }

    /// Fails where the key does not work. That a stack does not tell about its
    /// keys is no failure.
    async fn facts(&self, registry: &RegistryUrl, secret: &Secret) -> Result<KeyFacts, StackError> {
        self.stack.me(registry, secret).await?;
        let filter = ApiKeyFilter {
            status: Some(ApiKeyStatus::Active),
            ..ApiKeyFilter::default()
        };
        let listing = self.stack.api_keys(registry, secret, Scope::Own, &filter);
        let keys = listing.await.unwrap_or_default();
        let record = recognise(&keys, secret);
        let is_twin = |key: &&ApiKey| {
            record
                .as_ref()
                .is_some_and(|record| record.name == key.name && record.id != key.id)
        };
        Ok(KeyFacts {
            twins: keys.iter().filter(is_twin).cloned().collect(),
            record,
            unchecked: None,
        })
    }

    /// Asks until the stack has answered or the key is not in use any more.
    async fn ask_later(&self, session: &Session) {
        let identity = session.identity();
        while session.identity() == identity {
            match self.ask(session).await {
                Ok(()) | Err(SessionError::KeyRefused(_)) => return,
                Err(error) => tracing::debug!("cannot check the API key yet: {error}"),
            }
            let again = self.clock.now().after(ASK_AGAIN);
            self.clock.sleep_until(again).await;
        }
    }

    async fn ask(&self, session: &Session) -> Result<(), SessionError> {
        let registry = session.registry().await?;
        let asked = session.authorized(PATIENCE, true, |bearer| {
            let registry = &registry;
            async move {
                let facts = match bearer.kind {
                    TokenKind::ApiKey => Some(self.facts(registry, &bearer.token).await?),
                    TokenKind::Interactive => None,
                };
                Ok((bearer.token, facts))
            }
        });
        if let (token, Some(facts)) = asked.await? {
            session.learn(&token, facts);
        }
        Ok(())
    }

    /// The key in use and what the stack calls it.
    pub(super) async fn identify(
        &self,
        session: &Session,
    ) -> Result<Option<(Secret, ApiKey)>, KeyError> {
        let Some(secret) = session.key() else {
            return Ok(None);
        };
        if session
            .key_facts()
            .is_none_or(|facts| facts.record.is_none())
        {
            self.ask(session).await?;
        }
        let record = session.key_facts().and_then(|facts| facts.record);
        Ok(record.map(|record| (secret, record)))
    }
}

/// The one key with the fingerprint of a secret; none when several have it.
fn recognise(keys: &[ApiKey], secret: &Secret) -> Option<ApiKey> {
    let fingerprint = secret.expose().parse::<ApiKeySecret>().ok()?.fingerprint();
    let mut matching = keys.iter().filter(|key| key.fingerprint == fingerprint);
    match (matching.next(), matching.next()) {
        (Some(key), None) => Some(key.clone()),
        _ => None,
    }
}

fn unchecked(why: &str) -> KeyFacts {
    KeyFacts {
        unchecked: Some(format!("the API key is not checked yet: {why}")),
        ..KeyFacts::default()
    }
}
