//! Where a profile's credentials come from.

use std::sync::{Arc, Weak};

use async_trait::async_trait;

use super::vault::{ResolvedProfile, Vault};
use super::{AwsCredentials, CredentialError};
use crate::refresh::{Failure, Source};

/// The source of one profile's credentials.
pub(super) struct Issuer {
    pub(super) of: ResolvedProfile,
    /// Asks for them; and holds the stack's credentials, which a chain of roles asks
    /// for each time: the entry may be another one by then.
    pub(super) vault: Weak<Vault>,
}

impl Issuer {
    /// One way or the other, behind the same refresher.
    async fn issue(&self, vault: &Arc<Vault>) -> Result<AwsCredentials, CredentialError> {
        if self.of.profile.roles.is_empty() {
            self.of.issue_by_stack(vault).await
        } else {
            self.of.assume_roles(vault).await
        }
    }
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
        let stopping = || Failure::Transient(CredentialError::Stopping);
        let vault = self.vault.upgrade().ok_or_else(stopping)?;
        let issued = self.issue(&vault).await;
        // Another daemon may have ended the login while AWS was waited for.
        vault.dependencies.sessions.sync_with_store().await;
        issued.map_err(Failure::Transient)
    }

    fn retry_after(error: &CredentialError) -> Option<u32> {
        error.retry_after()
    }

    fn is_in_use(&self) -> bool {
        let (catalog, profile) = (self.of.session.catalog(), &self.of.name);
        let vault = self.vault.upgrade();
        vault.is_some_and(|vault| (vault.dependencies.in_use)(catalog, profile))
    }
}
