//! Where a profile's credentials come from.

use std::sync::Arc;

use async_trait::async_trait;

use super::role_chain::RoleChain;
use super::stack_source::StackSource;
use super::vault::{InUse, Key};
use super::{AwsCredentials, CredentialError};
use crate::refresh::{Failure, Source};
use crate::session::Sessions;

/// One way or the other, behind the same refresher.
pub(super) enum ProfileSource {
    /// The stack itself.
    Stack(StackSource),
    /// A chain of roles from there.
    Roles(RoleChain),
}

/// The source of one profile's credentials.
pub(super) struct Issuer {
    pub(super) source: ProfileSource,
    pub(super) of: Key,
    pub(super) in_use: Arc<InUse>,
    pub(super) sessions: Arc<Sessions>,
}

#[async_trait]
impl Source for Issuer {
    type Value = AwsCredentials;
    type Error = CredentialError;

    /// Every failure is transient here: credentials that are valid stay so
    /// although the login above them has ended, or the role may no longer be
    /// assumed; and a change of who is logged in is told by its identity.
    async fn fetch(
        &self,
        _held: Option<AwsCredentials>,
    ) -> Result<AwsCredentials, Failure<CredentialError>> {
        let issued = match &self.source {
            ProfileSource::Stack(source) => source.issue().await,
            ProfileSource::Roles(source) => source.issue().await,
        };
        // Another daemon may have ended the login while AWS was waited for.
        self.sessions.sync_with_store().await;
        issued.map_err(Failure::Transient)
    }

    fn retry_after(error: &CredentialError) -> Option<u32> {
        error.retry_after()
    }

    fn is_in_use(&self) -> bool {
        let (catalog, profile) = &self.of;
        (self.in_use)(catalog, profile)
    }
}
