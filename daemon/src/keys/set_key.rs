//! The key in use: setting it, clearing it, and what the stack calls it.

use std::sync::Arc;

use quilt_proto::wire::{ApiKey, ApiKeyFilter, ApiKeyStatus, TokenKind};
use quilt_proto::{ApiKeySecret, RegistryHost, RegistryUrl, Secret};

use super::unchecked_key::{is_trouble, unchecked};
use super::{KeyError, Keys, TIMEOUT};
use super::{key_recheck_task, unchecked_key};
use crate::session::{
    self, Epoch, KeyInfo, KeyMark, LoginOutcome, RECHECK, SLOW, Session, SessionError,
    WHOSE_TIMEOUT,
};
use crate::stack::{Scope, StackError};
use tokio::time::timeout;

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
    ) -> Result<LoginOutcome, KeyError> {
        let epoch = session.epoch();
        let setting = async {
            let set = self.set_since(epoch, session, secret, accept).await;
            session.registry_trust().keep_notes().await;
            set
        };
        tokio::select! {
            biased;
            ended = session.key_superseded(epoch) => Err(ended.into()),
            set = setting => set,
        }
    }

    async fn set_since(
        self: &Arc<Self>,
        epoch: Epoch,
        session: &Arc<Session>,
        secret: &ApiKeySecret,
        accept: Option<&RegistryHost>,
    ) -> Result<LoginOutcome, KeyError> {
        let so_far = session::known_user::last(session).await;
        let trusted = match timeout(WHOSE_TIMEOUT, session.registry_trust().verify(accept)).await {
            Ok(Ok(trusted)) => trusted,
            Ok(Err(SessionError::Stack(error))) if is_trouble(&error) && accept.is_none() => {
                let doubts = error.to_string();
                let set = unchecked_key::set_without_check;
                return set(self, epoch, session, secret, &doubts, so_far).await;
            }
            Ok(Err(error)) => return Err(error.into()),
            Err(_) if accept.is_none() => {
                let set = unchecked_key::set_without_check;
                return set(self, epoch, session, secret, SLOW, so_far).await;
            }
            Err(_) => return Err(SessionError::Slow(session.catalog().clone()).into()),
        };
        let checking = self.check_upstream(trusted.registry(), secret.secret());
        let checked = timeout(WHOSE_TIMEOUT, checking).await;
        // A key that was only tried is not kept in a connection's buffers.
        self.stack.forget_connections();
        let doubts = match checked {
            Ok(Ok(info)) => {
                let me = info.me.clone().ok_or_else(|| SLOW.to_owned());
                session.registry_trust().still_trusted(&trusted).await?;
                self.adopt(epoch, session, secret, Some(trusted.registry()), info)?;
                session.registry_trust().trust(&trusted);
                session.remember_given_key(secret.secret());
                return Ok(LoginOutcome::of_key(session, me, so_far, Some(&trusted)));
            }
            Ok(Err(StackError::Unauthorized { .. })) => {
                let key = KeyMark {
                    fingerprint: secret.fingerprint(),
                    origin: None,
                };
                return Err(KeyError::NotSet(session.key_refused(key)));
            }
            Ok(Err(error)) if is_trouble(&error) => error.to_string(),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => SLOW.to_owned(),
        };
        // The first registry of a catalog counts only once something succeeded
        // there; until then the catalog is asked each time.
        let is_first = session.registry_trust().known().await?.is_none();
        let settled = Some(trusted.registry()).filter(|_| !is_first || accept.is_some());
        self.adopt(epoch, session, secret, settled, unchecked(&doubts))?;
        Ok(LoginOutcome::of_key(session, Err(doubts), so_far, None))
    }

    /// Takes the user's word for where a catalog's registry is; a key that was
    /// held back is sent there.
    pub async fn accept_registry(
        &self,
        session: &Session,
        host: &RegistryHost,
    ) -> Result<(), KeyError> {
        session.registry_trust().accept(host).await?;
        if session.api_key().untrusted_registry().is_some() {
            key_recheck_task::recheck(self, session, session.api_key().serial()).await;
        }
        Ok(())
    }

    pub(super) fn adopt(
        self: &Arc<Self>,
        epoch: Epoch,
        session: &Arc<Session>,
        secret: &ApiKeySecret,
        registry: Option<&RegistryUrl>,
        info: KeyInfo,
    ) -> Result<(), SessionError> {
        session.set_key(epoch, secret, registry.cloned(), info)?;
        key_recheck_task::start(self, session);
        Ok(())
    }

    /// Drops the key in use; the login counts again. Answers whether there was one.
    pub fn clear(&self, session: &Session) -> bool {
        let had = session.clear_key();
        session.note_key();
        had
    }

    /// What the stack says of a key: whether it works, and which one it is.
    pub(super) async fn check_upstream(
        &self,
        registry: &RegistryUrl,
        secret: &Secret,
    ) -> Result<KeyInfo, StackError> {
        match self.info(registry, secret).await {
            Err(StackError::Unauthorized { .. }) => {
                self.clock.sleep(RECHECK).await;
                self.info(registry, secret).await
            }
            outcome => outcome,
        }
    }

    /// Fails where the key does not work. That a stack does not tell about its
    /// keys is no failure.
    async fn info(&self, registry: &RegistryUrl, secret: &Secret) -> Result<KeyInfo, StackError> {
        let registry = self.stack.registry(registry, secret);
        let me = registry.me().await?;
        let filter = ApiKeyFilter {
            status: Some(ApiKeyStatus::Active),
            ..ApiKeyFilter::default()
        };
        let listing = registry.api_keys(Scope::Own, &filter);
        let keys = listing.await.unwrap_or_default();
        let record = fetch_info(&keys, secret);
        let now = self.clock.now().wall;
        let is_left = |key: &&ApiKey| {
            record
                .as_ref()
                .is_some_and(|record| key.is_left_beside(record, now))
        };
        Ok(KeyInfo {
            same_name: keys.iter().filter(is_left).cloned().collect(),
            record,
            me: Some(me),
            unchecked: None,
        })
    }

    async fn ask(&self, session: &Session) -> Result<(), SessionError> {
        let asked = session.authorized(TIMEOUT, true, |bearer| async move {
            let info = match bearer.kind {
                TokenKind::ApiKey => Some(self.info(&bearer.registry, &bearer.token).await?),
                TokenKind::Interactive => None,
            };
            Ok((bearer.token, info))
        });
        if let (token, Some(info)) = asked.await? {
            session.api_key().set_info(&token, info);
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
            .info()
            .is_none_or(|info| info.record.is_none())
        {
            self.ask(session).await?;
        }
        let record = session.api_key().info().and_then(|info| info.record);
        Ok(record.map(|record| (secret, record)))
    }
}

/// The one key with the fingerprint of a secret; none when several have it.
fn fetch_info(keys: &[ApiKey], secret: &Secret) -> Option<ApiKey> {
    let fingerprint = secret.expose().parse::<ApiKeySecret>().ok()?.fingerprint();
    let mut matching = keys.iter().filter(|key| key.fingerprint == fingerprint);
    match (matching.next(), matching.next()) {
        (Some(key), None) => Some(key.clone()),
        _ => None,
    }
}
