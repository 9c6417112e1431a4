//! What is held for one profile.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use quilt_proto::ProfileName;
use quilt_proto::wire::CredentialStatus;
use tokio::time::Instant;

use super::profile_source::Issuer;
use super::{AwsCredentials, CredentialError};
use crate::refresh::{RefreshError, Refresher};
use crate::session::{Identity, Session, SessionError};
use crate::settings::Profile;

/// The credentials of one profile.
pub(super) struct CacheEntry {
    pub(super) name: ProfileName,
    pub(super) profile: Arc<Profile>,
    pub(super) session: Arc<Session>,
    pub(super) refresher: Refresher<Issuer>,
    /// For whom the refresher works; when the session is somebody else it
    /// starts afresh.
    identity: Mutex<Identity>,
}

impl CacheEntry {
    /// Nothing is held yet: `refresher` fetches it.
    pub(super) fn new(
        name: ProfileName,
        profile: Arc<Profile>,
        session: Arc<Session>,
        refresher: Refresher<Issuer>,
    ) -> Self {
        let identity = Mutex::new(session.identity());
        Self {
            name,
            profile,
            session,
            refresher,
            identity,
        }
    }

    /// Whether what is held was obtained for whoever the session is now.
    pub(super) fn is_current(&self) -> bool {
        *self.identity.lock() == self.session.identity()
    }

    /// Drops what was obtained for somebody else.
    pub(super) fn follow(&self) {
        let (mut held, now) = (self.identity.lock(), self.session.identity());
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
                Ok(credentials) if credentials.identity() != self.session.identity() => {}
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
            RefreshError::Slow => match self.session.waits_for() {
                Some(error) => SessionError::Store(error).into(),
                None if !self.profile.roles.is_empty() => {
                    CredentialError::SlowAws(self.name.clone())
                }
                None => CredentialError::Slow(self.session.catalog().clone()),
            },
            error => CredentialError::from_refresh(error, self.session.catalog()),
        }
    }

    /// What is held, without the secrets.
    pub(super) fn status(&self) -> CredentialStatus {
        let snapshot = self.refresher.snapshot();
        CredentialStatus {
            profile: self.name.clone(),
            expires_at: snapshot.value.map(|credentials| credentials.expires_at),
            next_refresh_at: snapshot.refresh_at,
            last_error: snapshot.last_error.map(|error| error.reason()),
        }
    }
}
