//! What is held for one profile.

use std::time::Duration;

use parking_lot::Mutex;
use quilt_proto::wire::CredentialStatus;
use tokio::time::Instant;

use super::profile_source::Issuer;
use super::vault::ResolvedProfile;
use super::{AwsCredentials, CredentialError};
use crate::refresh::{RefreshError, Refresher};
use crate::session::{Identity, SessionError};

/// The credentials of one profile.
pub(super) struct CacheEntry {
    pub(super) refresher: Refresher<Issuer>,
    /// For whom the refresher works; when the session is somebody else it
    /// starts afresh.
    identity: Mutex<Identity>,
}

impl CacheEntry {
    /// Nothing is held yet: `refresher` fetches it.
    pub(super) fn new(refresher: Refresher<Issuer>) -> Self {
        let identity = Mutex::new(refresher.source().of.session.identity());
        Self {
            refresher,
            identity,
        }
    }

    /// What it holds the credentials of.
    pub(super) fn of(&self) -> &ResolvedProfile {
        &self.refresher.source().of
    }

    /// Whether what is held was obtained for whoever the session is now.
    pub(super) fn is_current(&self) -> bool {
        *self.identity.lock() == self.of().session.identity()
    }

    /// Drops what was obtained for somebody else.
    pub(super) fn follow(&self) {
        let (mut held, now) = (self.identity.lock(), self.of().session.identity());
        if *held != now {
            *held = now;
            self.refresher.reset();
        }
    }

    pub(super) async fn credentials(
        &self,
        timeout: Duration,
    ) -> Result<AwsCredentials, CredentialError> {
        let deadline = Instant::now() + timeout;
        // Again whenever somebody logs in or out while we wait.
        loop {
            self.follow();
            let left = deadline.saturating_duration_since(Instant::now());
            match self.refresher.value(left).await {
                Ok(credentials) if credentials.identity() != self.of().session.identity() => {}
                outcome => return outcome.map_err(|error| self.explain(error)),
            }
            if Instant::now() >= deadline {
                return Err(self.explain(RefreshError::Slow));
            }
            tokio::task::yield_now().await;
        }
    }

    /// Credentials other than those AWS no longer accepts although they look
    /// valid. Fetches unless somebody already did.
    pub(super) async fn other(
        &self,
        refused: &AwsCredentials,
        timeout: Duration,
    ) -> Result<AwsCredentials, CredentialError> {
        let is_refused = |held: &AwsCredentials| held.access_key_id == refused.access_key_id;
        let other = self.refresher.replace(is_refused, timeout).await;
        other.map_err(|error| self.explain(error))
    }

    fn explain(&self, error: RefreshError<CredentialError>) -> CredentialError {
        match error {
            RefreshError::Slow => match self.of().session.waits_for() {
                Some(error) => SessionError::Store(error).into(),
                None if !self.of().profile.roles.is_empty() => {
                    CredentialError::SlowAws(self.of().name.clone())
                }
                None => CredentialError::Slow(self.of().session.catalog().clone()),
            },
            error => CredentialError::from_refresh(error, self.of().session.catalog()),
        }
    }

    /// What is held, without the secrets.
    pub(super) fn status(&self) -> CredentialStatus {
        let snapshot = self.refresher.snapshot();
        CredentialStatus {
            profile: self.of().name.clone(),
            expires_at: snapshot.value.map(|credentials| credentials.expires_at),
            next_refresh_at: snapshot.refresh_at,
            last_error: snapshot.last_error.map(|error| error.reason()),
        }
    }
}
