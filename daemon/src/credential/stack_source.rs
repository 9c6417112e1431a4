//! The stack's own credentials: STS credentials of the user's active role.

use std::sync::Arc;

use super::credentials::Issued;
use super::{AwsCredentials, CredentialError};
use crate::clock::{ClockSkew, SharedClock};
use crate::session::{Session, bearer};
use crate::stack::{self, StackClient};

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
        let now = self.clock.now().wall;
        let (issued, identity) = self
            .session
            .authorized(bearer::FETCH_TIMEOUT, true, |bearer| async move {
                let (registry, token) = (&bearer.registry, &bearer.token);
                let issued = stack::credentials::issue(&self.stack, registry, token, now).await?;
                Ok((issued, bearer.identity))
            })
            .await?;
        let now = self.clock.now().wall;
        ClockSkew::check("the stack's AWS credentials", issued.expiration, now)?;
        Ok(AwsCredentials::from(Issued {
            access_key_id: issued.access_key_id,
            secret_access_key: issued.secret_access_key,
            session_token: issued.session_token,
            expires_at: issued.expiration,
            identity,
        }))
    }
}
