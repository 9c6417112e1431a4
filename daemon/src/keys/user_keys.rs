//! One's own keys: listing, making, revoking.

use quilt_proto::wire::{ApiKey, ApiKeyFilter, CreatedApiKey, KEY_LIFETIME_DAYS, Me, NewApiKey};
use quilt_proto::{ApiKeyId, ApiKeySecret, Quoted, RegistryUrl, quoted};
use tokio::time::timeout;

use super::key_successor;
use super::{KeyError, KeySelector, Keys, TIMEOUT};
use crate::session::{LoginOutcome, Session, SessionError, WHOSE_TIMEOUT, known_user};
use crate::stack::{Scope, StackError};

/// The longest name, in characters.
const MAX_NAME: usize = 200;

impl Keys {
    /// The user's keys, or as an admin everybody's, that a filter lets through.
    pub async fn list(
        &self,
        session: &Session,
        scope: Scope,
        filter: &ApiKeyFilter,
    ) -> Result<Vec<ApiKey>, KeyError> {
        // A refusal may be about an admin, not the session.
        let is_decisive = scope == Scope::Own;
        let listing = session.authorized(TIMEOUT, is_decisive, |bearer| async move {
            bearer.at(&self.stack).api_keys(scope, filter).await
        });
        let listed = listing.await;
        self.explained(session, scope, listed).await
    }

    /// One of the user's keys, or as an admin of anybody's.
    pub async fn key(
        &self,
        session: &Session,
        scope: Scope,
        id: &ApiKeyId,
    ) -> Result<ApiKey, KeyError> {
        let is_decisive = scope == Scope::Own;
        let reading = session.authorized(TIMEOUT, is_decisive, |bearer| async move {
            bearer.at(&self.stack).api_key(scope, id).await
        });
        let read = reading.await;
        let key = self.explained(session, scope, read).await?;
        key.ok_or(KeyError::NotFound)
    }

    /// Makes a key. Nothing here remembers its secret. One that turns out to be
    /// another user's is given back.
    pub async fn create(
        &self,
        session: &Session,
        new: &NewApiKey,
    ) -> Result<CreatedApiKey, KeyError> {
        let (owner, holder) = (known_user::asked_owner(session).await, session.holder());
        let (made, registry) = self.make(session, new).await?;
        let secret = || made.secret.expose().parse().ok();
        if session.holder() != holder {
            let cause = KeyError::Meanwhile(session.catalog().clone());
            let left = key_successor::take_back(self, session, &made.api_key, secret(), cause);
            return Err(left.await);
        }
        let asked = self.stack.registry(&registry, &made.secret).me();
        let whose = timeout(WHOSE_TIMEOUT, asked).await;
        self.stack.forget_connections();
        // Of one that cannot be asked about, nothing is known.
        let (Ok(Ok(me)), Some(owner)) = (whose, owner) else {
            return Ok(made);
        };
        if LoginOutcome::name(&me) == owner {
            return Ok(made);
        }
        let cause = KeyError::Useless(others_key(&registry, &me));
        Err(key_successor::take_back(self, session, &made.api_key, secret(), cause).await)
    }

    /// Makes a key, and says where it was made.
    pub(super) async fn make(
        &self,
        session: &Session,
        new: &NewApiKey,
    ) -> Result<(CreatedApiKey, RegistryUrl), KeyError> {
        let new = checked(new)?;
        let making = session.authorized(TIMEOUT, true, |bearer| {
            let new = &new;
            async move {
                let made = bearer.at(&self.stack).create_api_key(new).await?;
                Ok((made, bearer.registry))
            }
        });
        let made = making.await;
        // The secret came through a connection that would keep it.
        self.stack.forget_connections();
        let made = made.map_err(|error| match error {
            SessionError::Stack(source) if source.may_have_been_heard() => KeyError::PerhapsMade {
                name: Quoted::new(&new.name),
                source,
            },
            error => error.into(),
        })?;
        let (key, registry) = &made;
        if key.secret.expose().parse::<ApiKeySecret>().is_err() {
            let cause = KeyError::Useless(no_key(registry));
            return Err(key_successor::take_back(self, session, &key.api_key, None, cause).await);
        }
        // It is of the registry that made it, wherever it is used first.
        session.remember_key(&key.secret);
        Ok(made)
    }

    /// Revokes one of the user's keys. If it is the one in use, it is dropped.
    pub async fn revoke(&self, session: &Session, which: &KeySelector) -> Result<(), KeyError> {
        let revoking = session.authorized(TIMEOUT, true, |bearer| async move {
            let registry = bearer.at(&self.stack);
            registry.revoke_api_key(Scope::Own, which).await
        });
        let outcome = match (revoking.await, which) {
            // A key in the wrong hands must be revocable without a login, and
            // whoever is logged in: it can revoke itself.
            (Err(error), KeySelector::Secret(secret)) if is_somebody_elses(&error) => {
                let registry = match session.registry_trust().known().await? {
                    Some(registry) => registry,
                    None => session.registry_trust().for_key().await?,
                };
                let by_itself = self.stack.registry(&registry, secret.secret());
                match by_itself.revoke_api_key(Scope::Own, which).await {
                    Err(StackError::Unauthorized { .. }) => Err(KeyError::NotFound),
                    outcome => outcome.map_err(KeyError::from),
                }
            }
            (outcome, _) => outcome.map_err(KeyError::from),
        };
        let outcome = outcome.map_err(not_found);
        if matches!(outcome, Ok(()) | Err(KeyError::NotFound)) {
            self.forget_revoked(session, which, outcome.is_ok()).await;
        }
        outcome
    }

    /// Drops the key in use where it was the one revoked.
    pub(super) async fn forget_revoked(
        &self,
        session: &Session,
        which: &KeySelector,
        revoked: bool,
    ) {
        let in_use = session.api_key().info();
        let was_in_use = match which {
            KeySelector::Secret(secret) => {
                session.api_key().secret().as_ref() == Some(secret.secret())
            }
            KeySelector::Id(id) => match in_use.and_then(|info| info.record) {
                Some(record) => record.id == id.as_str(),
                // Not known by its id, so see whether it still works.
                None => revoked && self.is_dead(session).await,
            },
        };
        match which {
            KeySelector::Id(id) => session.api_key().settle(id.as_str()),
            KeySelector::Secret(secret) => {
                let successor = session
                    .api_key()
                    .rotation(|r| r.secret.is(secret.secret()).then(|| r.new.id.clone()));
                if let Some(id) = successor {
                    session.api_key().settle(&id);
                }
            }
        }
        if revoked && was_in_use {
            self.clear(session);
        }
        self.stack.forget_connections();
    }

    async fn is_dead(&self, session: &Session) -> bool {
        let Some((registry, secret)) = session.api_key().settled() else {
            return false;
        };
        self.stack
            .registry(&registry, &secret)
            .rejects_bearer()
            .await
    }
}

/// What is wrong with a new key that is no key.
pub(super) fn no_key(registry: &RegistryUrl) -> StackError {
    StackError::invalid(registry, "its new API key is none")
}

/// What is wrong with a new key that is another user's.
pub(super) fn others_key(registry: &RegistryUrl, me: &Me) -> StackError {
    let reason = format!("its new API key is {}'s", quoted::name(&me.name));
    StackError::invalid(registry, reason)
}

/// Whether nobody is logged in, or somebody whose key it is not.
fn is_somebody_elses(error: &SessionError) -> bool {
    match error {
        SessionError::LoggedOut(_)
        | SessionError::KeyForgotten(_)
        | SessionError::KeyUnread(_)
        | SessionError::Expired(_)
        | SessionError::OtherUser { .. }
        | SessionError::KeyRefused { .. } => true,
        SessionError::Stack(error) => error.is_not_found(),
        _ => false,
    }
}

pub(super) fn not_found(error: KeyError) -> KeyError {
    match error {
        KeyError::Session(SessionError::Stack(error)) if error.is_not_found() => KeyError::NotFound,
        error => error,
    }
}

/// Checks what stacks check, before anything is sent.
pub(super) fn checked(new: &NewApiKey) -> Result<NewApiKey, KeyError> {
    let name = new.name.trim().to_owned();
    let legal = (1..=MAX_NAME).contains(&name.chars().count());
    if !legal || name.chars().any(char::is_control) {
        return Err(KeyError::NoName);
    }
    if !KEY_LIFETIME_DAYS.contains(&new.expires_in_days) {
        return Err(KeyError::Lifetime);
    }
    Ok(NewApiKey {
        name,
        expires_in_days: new.expires_in_days,
    })
}
