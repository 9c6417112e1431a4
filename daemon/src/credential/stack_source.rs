//! The stack's own credentials: STS credentials of the user's active role.

use super::vault::{ResolvedProfile, Vault};
use super::{AwsCredentials, CredentialError};
use crate::clock::ClockSkew;
use crate::session::bearer;
use crate::stack;

impl ResolvedProfile {
    /// Asks the stack.
    pub(super) async fn issue_by_stack(
        &self,
        vault: &Vault,
    ) -> Result<AwsCredentials, CredentialError> {
        let (stack, clock) = (&vault.dependencies.stack, &vault.dependencies.clock);
        // Nobody logged in: nobody is asked anything.
        self.session.check()?;
        let now = clock.now().wall;
        let (keys, identity) = self
            .session
            .authorized(bearer::FETCH_TIMEOUT, true, |bearer| async move {
                let keys = stack::credentials::issue(bearer.at(stack), now).await?;
                Ok((keys, bearer.identity))
            })
            .await?;
        let now = clock.now().wall;
        ClockSkew::check("the stack's AWS credentials", keys.expires_at, now)?;
        Ok(AwsCredentials::new(keys, identity))
    }
}
