//! The stack's own credentials: STS credentials of the user's active role.

use std::sync::Arc;
use std::time::Duration;

use quilt_proto::Timestamp;
use quilt_proto::aws::{AccessKeyId, SecretAccessKey, SessionToken};
use quilt_proto::wire::{ContainerCredentials, CredentialProcess, CredentialProcessVersion};

use super::CredentialError;
use crate::clock::SharedClock;
use crate::refresh::Expires;
use crate::session::{Identity, Session};
use crate::stack::StackClient;

/// How long a fetch waits for a bearer token.
const TOKEN_PATIENCE: Duration = Duration::from_secs(30);

/// AWS session credentials, and for whom they were issued.
#[derive(Debug, Clone)]
pub struct AwsCredentials {
    /// Identifies them.
    pub access_key_id: AccessKeyId,
    /// Signs requests.
    pub secret_access_key: SecretAccessKey,
    /// Goes with every request.
    pub session_token: SessionToken,
    /// When AWS stops accepting them.
    pub expires_at: Timestamp,
    /// Who the session was when they were issued.
    pub identity: Identity,
}

impl Expires for AwsCredentials {
    fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

impl From<AwsCredentials> for CredentialProcess {
    fn from(credentials: AwsCredentials) -> Self {
        Self {
            version: CredentialProcessVersion,
            access_key_id: credentials.access_key_id.to_string(),
            secret_access_key: credentials.secret_access_key.secret().clone(),
            session_token: credentials.session_token.secret().clone(),
            expiration: credentials.expires_at,
        }
    }
}

impl From<AwsCredentials> for ContainerCredentials {
    fn from(credentials: AwsCredentials) -> Self {
        Self {
            access_key_id: credentials.access_key_id.to_string(),
            secret_access_key: credentials.secret_access_key.secret().clone(),
            token: credentials.session_token.secret().clone(),
            expiration: credentials.expires_at,
        }
    }
}

/// Asks the stack.
pub(super) struct StackSource {
    pub(super) session: Arc<Session>,
    pub(super) stack: Arc<StackClient>,
    pub(super) clock: SharedClock,
}

impl StackSource {
    pub(super) async fn issue(&self) -> Result<AwsCredentials, CredentialError> {
        // Nobody logged in: nobody is asked anything.
        self.session.check()?;
        let (issued, identity) = self
            .session
            .authorized(TOKEN_PATIENCE, true, |bearer| async move {
                let (registry, token) = (&bearer.registry, &bearer.token);
                let issued = self.stack.credentials(registry, token).await?;
                Ok((issued, bearer.identity))
            })
            .await?;
        let now = self.clock.now().wall;
        if issued.expiration <= now {
            return Err(CredentialError::ClockSkew {
                expired_at: issued.expiration,
                now,
            });
        }
        Ok(AwsCredentials {
            access_key_id: issued.access_key_id,
            secret_access_key: issued.secret_access_key,
            session_token: issued.session_token,
            expires_at: issued.expiration,
            identity,
        })
    }
}
