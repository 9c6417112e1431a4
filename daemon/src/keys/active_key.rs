//! The key in use: setting it, dropping it, knowing it.

use std::sync::Arc;
use std::time::Duration;

use quilt_proto::wire::{ApiKey, ApiKeyFilter, ApiKeyStatus, TokenKind};
use quilt_proto::{ApiKeySecret, Quoted, RegistryHost, RegistryUrl, Secret};

use super::{KeyError, KeyNotice, Keys, TIMEOUT};
use crate::session::{Agreed, Arrival, Begun, KeyFacts, RECHECK, Session, SessionError};
use crate::stack::{Scope, StackError};
use tokio::time::timeout;

/// How long setting a key waits for the stack's answer.
const CHECK_TIMEOUT: Duration = Duration::from_secs(8);

/// Why it was not waited for longer.
const SLOW: &str = "the stack takes too long to answer";

/// How long before a key's end to say so, in seconds: two weeks.
const NOTICE: i64 = 14 * 86_400;

impl Keys {
    /// Uses a key instead of the login from now on, at a registry the user has
    /// agreed to. A key the stack refuses is not set. One that cannot be
    /// checked is, because a laptop that starts without network must be able to
    /// take its key; the status says so until it was checked.
    /// A logout meanwhile, or clearing the key, ends it.
    pub async fn set(
        self: &Arc<Self>,
        session: &Arc<Session>,
        secret: &ApiKeySecret,
        accept: Option<&RegistryHost>,
    ) -> Result<Arrival, KeyError> {
        let begun = session.begun();
        tokio::select! {
            biased;
            ended = session.key_ended(begun) => Err(ended.into()),
            set = self.set_since(begun, session, secret, accept) => set,
        }
    }

    async fn set_since(
        self: &Arc<Self>,
        begun: Begun,
        session: &Arc<Session>,
        secret: &ApiKeySecret,
        accept: Option<&RegistryHost>,
    ) -> Result<Arrival, KeyError> {
        let so_far = session.user_so_far().await;
        let agreed = match timeout(CHECK_TIMEOUT, session.agree(accept)).await {
            Ok(Ok(agreed)) => agreed,
            Ok(Err(SessionError::Stack(error))) if is_trouble(&error) && accept.is_none() => {
                let doubts = error.to_string();
                return self.set_blindly(begun, session, secret, &doubts).await;
            }
            Ok(Err(error)) => return Err(error.into()),
            Err(_) if accept.is_none() => {
                return self.set_blindly(begun, session, secret, SLOW).await;
            }
            Err(_) => return Err(SessionError::Slow(session.catalog().clone()).into()),
        };
        let checked = timeout(CHECK_TIMEOUT, self.check_upstream(&agreed, secret.secret())).await;
        // A key that was only tried is not kept in a connection's buffers.
        self.stack.forget_connections();
        let doubts = match checked {
            Ok(Ok(facts)) => {
                let me = facts.me.clone().ok_or_else(|| SLOW.to_owned());
                self.adopt(begun, session, secret, Some(agreed.registry()), facts)?;
                session.trust(agreed.registry()).await;
                return Ok(session.arrive_by_key(me, so_far, Some(&agreed)).await);
            }
            Ok(Err(StackError::Unauthorized { .. })) => {
                let refused = SessionError::KeyRefused {
                    catalog: session.catalog().clone(),
                    login_beneath: session.is_login_beneath(),
                };
                return Err(KeyError::NotSet(refused));
            }
            Ok(Err(error)) if is_trouble(&error) => error.to_string(),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => SLOW.to_owned(),
        };
        // The first registry of a catalog counts only once something succeeded
        // there; until then the catalog is asked each time.
        let is_first = session
            .trusted()
            .await
            .map_err(SessionError::from)?
            .is_none();
        let settled = Some(agreed.registry()).filter(|_| !is_first || accept.is_some());
        self.adopt(begun, session, secret, settled, unchecked(&doubts))?;
        Ok(session.arrive_by_key(Err(doubts), None, None).await)
    }

    /// Uses a key of a catalog that cannot be asked where its registry is: at
    /// the trusted one, if there is one.
    async fn set_blindly(
        self: &Arc<Self>,
        begun: Begun,
        session: &Arc<Session>,
        secret: &ApiKeySecret,
        doubts: &str,
    ) -> Result<Arrival, KeyError> {
        let trusted = session.trusted().await.ok().flatten();
        let doubted = unchecked(doubts);
        self.adopt(begun, session, secret, trusted.as_ref(), doubted)?;
        let arrival = session.arrive_by_key(Err(doubts.to_owned()), None, None);
        Ok(arrival.await)
    }

    /// Uses a key without waiting for the stack's answer, for daemons that are
    /// started with one. It is sent nowhere before the catalog has said that
    /// its registry is the trusted one, where there is one.
    /// `registry` is where it was sent by the daemon before, if that was settled.
    pub fn set_unchecked(
        self: &Arc<Self>,
        session: &Arc<Session>,
        secret: &ApiKeySecret,
        registry: Option<&RegistryUrl>,
    ) {
        let doubted = unchecked("the daemon just started");
        // Nobody logs out before anything is served.
        let _ = self.adopt(session.begun(), session, secret, registry, doubted);
    }

    /// Takes the user's word for where a catalog's registry is; a key that was
    /// held back is sent there.
    pub async fn accept_registry(
        &self,
        session: &Session,
        host: &RegistryHost,
    ) -> Result<(), KeyError> {
        session.accept_registry(host).await?;
        if session.api_key().held_back().is_some() {
            self.recheck(session, session.api_key().serial()).await;
        }
        Ok(())
    }

    fn adopt(
        self: &Arc<Self>,
        begun: Begun,
        session: &Arc<Session>,
        secret: &ApiKeySecret,
        registry: Option<&RegistryUrl>,
        facts: KeyFacts,
    ) -> Result<(), SessionError> {
        session.set_key(begun, secret, registry.cloned(), facts)?;
        self.look_after(session);
        Ok(())
    }

    /// Drops the key in use; the login counts again.
    pub async fn clear(&self, session: &Session) {
        session.clear_key();
        session.note_key().await;
    }

    /// What to mend about the keys of a session.
    pub fn notices(&self, session: &Session) -> Vec<KeyNotice> {
        let mut notices = Vec::new();
        let catalog = session.catalog();
        let facts = session.api_key().facts().unwrap_or_default();
        if let Some(key) = &facts.record {
            let left = key.expires_at.seconds_since(self.clock.now().wall);
            if left < NOTICE {
                notices.push(KeyNotice::Ends {
                    name: Quoted::new(&key.name),
                    fingerprint: key.fingerprint.clone(),
                    catalog: catalog.clone(),
                    at: key.expires_at,
                    is_over: left <= 0,
                    login_beneath: session.is_login_beneath(),
                });
            }
        }
        if session.is_key_forgotten() {
            notices.push(KeyNotice::Forgotten {
                catalog: catalog.clone(),
            });
        }
        if let Some(held_back) = session.api_key().held_back() {
            notices.push(KeyNotice::HeldBack {
                why: held_back.why,
                named: held_back.named,
                catalog: catalog.clone(),
            });
        }
        let unfinished = session.api_key().rotation(|rotation| rotation.old.clone());
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
    async fn check_upstream(
        &self,
        agreed: &Agreed,
        secret: &Secret,
    ) -> Result<KeyFacts, StackError> {
        let first = self.facts(agreed.registry(), secret).await;
        match first {
            Err(StackError::Unauthorized { .. }) => {
                self.clock.sleep(RECHECK).await;
                self.facts(agreed.registry(), secret).await
            }
            outcome => outcome,
        }
    }

    /// Fails where the key does not work. That a stack does not tell about its
    /// keys is no failure.
    pub(super) async fn facts(
        &self,
        registry: &RegistryUrl,
        secret: &Secret,
    ) -> Result<KeyFacts, StackError> {
        let me = self.stack.me(registry, secret).await?;
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
            me: Some(me),
            unchecked: None,
        })
    }

    async fn ask(&self, session: &Session) -> Result<(), SessionError> {
        let asked = session.authorized(TIMEOUT, true, |bearer| async move {
            let facts = match bearer.kind {
                TokenKind::ApiKey => Some(self.facts(&bearer.registry, &bearer.token).await?),
                TokenKind::Interactive => None,
            };
            Ok((bearer.token, facts))
        });
        if let (token, Some(facts)) = asked.await? {
            session.api_key().learn(&token, facts);
        }
        Ok(())
    }

    /// The key in use and what the stack calls it.
    pub(super) async fn identify(
        &self,
        session: &Session,
    ) -> Result<Option<(Secret, ApiKey)>, KeyError> {
        let Some(secret) = session.api_key().secret() else {
            return Ok(None);
        };
        if session
            .api_key()
            .facts()
            .is_none_or(|facts| facts.record.is_none())
        {
            self.ask(session).await?;
        }
        let record = session.api_key().facts().and_then(|facts| facts.record);
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

/// Whether a failure says nothing of a key: its owner may use it unchecked.
fn is_trouble(error: &StackError) -> bool {
    !matches!(
        error,
        StackError::Unauthorized { .. } | StackError::Refused { .. } | StackError::Input { .. }
    )
}

fn unchecked(why: &str) -> KeyFacts {
    KeyFacts {
        unchecked: Some(format!("the API key is not checked yet: {why}")),
        ..KeyFacts::default()
    }
}
