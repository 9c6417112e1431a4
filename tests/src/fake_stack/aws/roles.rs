//! IAM roles that can be assumed, and what was assumed.

use serde::{Deserialize, Serialize};

use super::credentials::Principal;
use crate::fake_stack::config::AwsRoleConfig;

/// One successful AssumeRole, as CloudTrail would tell it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssumedRole {
    /// ARN of the caller.
    pub caller: String,
    /// ARN of the role.
    pub role_arn: String,
    /// RoleSessionName.
    pub session_name: String,
    /// Seconds asked for.
    pub duration_seconds: i64,
    /// ExternalId.
    pub external_id: Option<String>,
    /// SourceIdentity.
    pub source_identity: Option<String>,
    /// Session tags.
    pub tags: Vec<(String, String)>,
    /// Inline session policy.
    pub policy: Option<String>,
    /// Managed session policies.
    pub policy_arns: Vec<String>,
}

/// Every role, and the log of their use.
#[derive(Debug, Default)]
pub(crate) struct AwsRoles {
    roles: Vec<AwsRoleConfig>,
    assumed: Vec<AssumedRole>,
}

impl AwsRoles {
    pub(crate) fn new(roles: Vec<AwsRoleConfig>) -> Self {
        Self {
            roles,
            assumed: Vec::new(),
        }
    }

    /// The role, if this caller may assume it. AWS tells neither which of the reasons it was
    /// nor whether the role exists.
    pub(crate) fn assumable(
        &self,
        arn: &str,
        caller: &Principal,
        external_id: Option<&str>,
    ) -> Option<AwsRoleConfig> {
        let role = self.roles.iter().find(|role| role.arn == arn)?;
        let trusted = role.trusted.iter().any(|trusted| {
            trusted == "*" || *trusted == caller.arn || Some(trusted) == caller.role_arn.as_ref()
        });
        let known = role.external_id.is_none() || role.external_id.as_deref() == external_id;
        (trusted && known).then(|| role.clone())
    }

    pub(crate) fn add(&mut self, role: AwsRoleConfig) {
        self.roles.retain(|known| known.arn != role.arn);
        self.roles.push(role);
    }

    pub(crate) fn list(&self) -> &[AwsRoleConfig] {
        &self.roles
    }

    pub(crate) fn record(&mut self, assumed: AssumedRole) {
        self.assumed.push(assumed);
    }

    pub(crate) fn assumed(&self) -> &[AssumedRole] {
        &self.assumed
    }
}
