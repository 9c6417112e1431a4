//! Roles assumed from the stack's credentials, one after the other.

use std::collections::BTreeMap;
use std::time::Duration;

use quilt_proto::ProfileName;
use quilt_proto::aws::SessionKeys;

use super::credentials::believed;
use super::vault::{Dependencies, ResolvedProfile, Vault};
use super::{AwsCredentials, CredentialError};
use crate::aws::{AssumeRole, Aws, AwsError};
use crate::clock::ClockSkew;
use crate::session;
use crate::settings::role_session_name;

/// How long a fetch waits for the stack's credentials.
const STACK_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a session lives that only leads to the next, in seconds: the
/// shortest AWS gives.
const HOP_SECONDS: i64 = 900;

/// The name of sessions where the profile gives none, and nobody knows whose
/// they are.
const SESSION_NAME: &str = "quiltd";

impl ResolvedProfile {
    /// Asks STS, once for every role of the chain.
    pub(super) async fn assume_roles(
        &self,
        vault: &Vault,
    ) -> Result<AwsCredentials, CredentialError> {
        let Dependencies { aws, clock, .. } = &vault.dependencies;
        // The stack's own credentials, which every chain starts from.
        let stack = vault.entry(&self.session, &ProfileName::default_profile())?;
        let base = stack.credentials(STACK_TIMEOUT).await?;
        let (base, issued) = match self.walk(aws, &base).await {
            // Revoked, although they look valid: the stack may have others.
            Err(error) if error.means_stale_keys() => {
                let other = stack.other(&base, STACK_TIMEOUT).await?;
                let issued = self.walk(aws, &other).await;
                (other, issued)
            }
            issued => (base, issued),
        };
        let mut issued = issued.map_err(|source| CredentialError::Aws {
            profile: self.name.clone(),
            source,
        })?;
        let now = clock.now().wall;
        ClockSkew::check("the role's AWS credentials", issued.expires_at, now)?;
        let asked = self.profile.effective_duration();
        issued.expires_at = believed(issued.expires_at, now, asked);
        Ok(AwsCredentials::new(issued, base.identity()))
    }

    async fn walk(&self, aws: &Aws, base: &AwsCredentials) -> Result<SessionKeys, AwsError> {
        let none = BTreeMap::new();
        let user = session::known_user::asked_owner(&self.session).await;
        let user = user.as_deref().and_then(role_session_name::of_user);
        let profile = &self.profile;
        let last = profile.roles.len().saturating_sub(1);
        let mut keys = SessionKeys::clone(base);
        for (index, role) in profile.roles.iter().enumerate() {
            let is_last = index == last;
            let wanted = AssumeRole {
                role_arn: role.as_str(),
                session_name: profile
                    .session_name
                    .as_deref()
                    .or(user.as_deref())
                    .unwrap_or(SESSION_NAME),
                duration: if is_last {
                    profile.effective_duration()
                } else {
                    HOP_SECONDS
                },
                external_id: profile.external_id.as_deref(),
                policy: profile.policy.as_deref().filter(|_| is_last),
                policy_arns: if is_last { &profile.policy_arns } else { &[] },
                tags: if is_last { &profile.tags } else { &none },
                source_identity: profile.source_identity.as_deref().filter(|_| index == 0),
                region: profile.region.as_deref(),
                default_region: role.default_region(),
            };
            keys = aws.assume_role(&keys, &wanted).await?;
        }
        Ok(keys)
    }
}
