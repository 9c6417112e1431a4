//! One's own keys: listing, making, revoking.

use quilt_proto::wire::{ApiKey, ApiKeyFilter, CreatedApiKey, KEY_LIFETIME_DAYS, Me, NewApiKey};
use quilt_proto::{ApiKeyId, ApiKeySecret, Quoted, RegistryUrl, quoted};
use tokio::time::timeout;

use super::key_rotation;
use super::{KeyError, Keys, TIMEOUT};
use crate::session::{LoginOutcome, Session, SessionError, WHOSE_TIMEOUT, known_user};
use crate::stack::{self, Revoked, Scope, StackError};

/// The longest name, in characters.
const MAX_NAME: usize = 200;

/// How a caller names a key to revoke.
#[derive(Debug)]
pub enum KeySelector {
    /// By its id.
    Id(ApiKeyId),
    /// By its secret.
    Secret(ApiKeySecret),
}

impl Keys {
    /// The user's keys.
    pub async fn list(
        &self,
        session: &Session,
        filter: &ApiKeyFilter,
    ) -> Result<Vec<ApiKey>, KeyError> {
        let listing = session.authorized(TIMEOUT, true, |bearer| async move {
            stack::api_keys::list(
                &self.stack,
                &bearer.registry,
                &bearer.token,
                Scope::Own,
                filter,
            )
            .await
        });
        Ok(listing.await?)
    }

    /// One of the user's keys.
    pub async fn key(&self, session: &Session, id: &ApiKeyId) -> Result<ApiKey, KeyError> {
        let reading = session.authorized(TIMEOUT, true, |bearer| async move {
            stack::api_keys::get(&self.stack, &bearer.registry, &bearer.token, Scope::Own, id).await
        });
        reading.await?.ok_or(KeyError::NotFound)
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
            let left = key_rotation::take_back(self, session, &made.api_key, secret(), cause);
            return Err(left.await);
        }
        let asked = stack::me::get(&self.stack, &registry, &made.secret);
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
        Err(key_rotation::take_back(self, session, &made.api_key, secret(), cause).await)
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
                let made =
                    stack::api_keys::create(&self.stack, &bearer.registry, &bearer.token, new)
                        .await?;
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
            let cause = KeyError::Useless(StackError::Invalid {
                host: registry.to_string(),
                reason: "its new API key is none".to_owned(),
            });
            return Err(key_rotation::take_back(self, session, &key.api_key, None, cause).await);
        }
        // It is of the registry that made it, wherever it is used first.
        session.remember_key(&key.secret);
        Ok(made)
    }

    /// Revokes one of the user's keys. If it is the one in use, it is dropped.
    pub async fn revoke(&self, session: &Session, which: &KeySelector) -> Result<(), KeyError> {
        let revoking = session.authorized(TIMEOUT, true, |bearer| async move {
            let revoked = which.as_revoked();
            stack::api_keys::revoke(
                &self.stack,
                &bearer.registry,
                &bearer.token,
                Scope::Own,
                revoked,
            )
            .await
        });
        let outcome = match (revoking.await, which) {
            // A key in the wrong hands must be revocable without a login, and
            // whoever is logged in: it can revoke itself.
            (Err(error), KeySelector::Secret(secret)) if is_somebody_elses(&error) => {
                let own = secret.secret();
                let by_itself = Revoked::Secret(own);
                let trusted = session
                    .registry_trust()
                    .known()
                    .await
                    .map_err(SessionError::from)?;
                let registry = match trusted {
                    Some(registry) => registry,
                    None => session.registry_trust().for_key().await?,
                };
                match stack::api_keys::revoke(&self.stack, &registry, own, Scope::Own, by_itself)
                    .await
                {
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
        let answer = stack::me::get(&self.stack, &registry, &secret).await;
        matches!(answer, Err(StackError::Unauthorized { .. }))
    }
}

impl KeySelector {
    fn as_revoked(&self) -> Revoked<'_> {
        match self {
            Self::Id(id) => Revoked::Id(id),
            Self::Secret(secret) => Revoked::Secret(secret.secret()),
        }
    }
}

/// Whether nobody is logged in, or somebody whose key it is not.
/// What is wrong with a new key that is another user's.
pub(super) fn others_key(registry: &RegistryUrl, me: &Me) -> StackError {
    StackError::Invalid {
        host: registry.to_string(),
        reason: format!("its new API key is {}'s", quoted::name(&me.name)),
    }
}

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
