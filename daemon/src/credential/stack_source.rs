//! The stack's own credentials: STS credentials of the user's active role.

use std::sync::Arc;

use super::{AwsCredentials, CredentialError};
use crate::clock::{ClockSkew, SharedClock};
use crate::session::{Session, bearer};
use crate::stack::StackClient;

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
        let (keys, identity) = self
            .session
            .authorized(bearer::FETCH_TIMEOUT, true, |bearer| async move {
                let keys = bearer.at(&self.stack).aws_credentials(now).await?;
                Ok((keys, bearer.identity))
            })
            .await?;
        let now = self.clock.now().wall;
        ClockSkew::check("the stack's AWS credentials", keys.expires_at, now)?;
        Ok(AwsCredentials::new(keys, identity))
    }
}
