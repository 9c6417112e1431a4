//! Quilt roles and the policies they are made of.

use crate::fake_stack::config::{BucketAccess, RoleConfig};
use crate::fake_stack::random;

/// A role a user may take.
#[derive(Debug, Clone)]
pub(crate) struct Role {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: RoleKind,
    /// Where its users land after login (quilt3 8.1).
    pub(crate) default_bucket: Option<String>,
    /// Its sign-up page (quilt3 8.1).
    pub(crate) signup: Option<Signup>,
}

/// What a role is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RoleKind {
    /// Policies, by id.
    Managed(Vec<String>),
    /// A role in IAM, which opens what AWS says.
    Unmanaged(String),
}

/// A page on which a code makes one a user with the role.
#[derive(Debug, Clone)]
pub(crate) struct Signup {
    pub(crate) page: String,
    pub(crate) access_code: String,
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
}

/// What a managed role is made of.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) kind: PolicyKind,
}

/// What a policy says.
#[derive(Debug, Clone)]
pub(crate) enum PolicyKind {
    /// What it opens.
    Managed(Vec<BucketAccess>),
    /// A policy in IAM.
    Unmanaged(String),
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Roles {
    pub(crate) all: Vec<Role>,
    pub(crate) policies: Vec<Policy>,
    /// The role of users that nobody gave one, by id.
    pub(crate) default: Option<String>,
}

impl Roles {
    /// Each role of a configuration is managed, with one policy of its own.
    pub(crate) fn new(roles: &[RoleConfig]) -> Self {
        let mut known = Self::default();
        for role in roles {
            let policy = known.add_policy(
                format!("{} policy", role.name),
                PolicyKind::Managed(role.buckets.clone()),
            );
            known.add_role(role.name.clone(), RoleKind::Managed(vec![policy.id]));
        }
        known.default = known.all.first().map(|role| role.id.clone());
        known
    }

    pub(crate) fn add_role(&mut self, name: String, kind: RoleKind) -> Role {
        let role = Role {
            id: random::uuid(),
            name,
            kind,
            default_bucket: None,
            signup: None,
        };
        self.all.push(role.clone());
        role
    }

    pub(crate) fn add_policy(&mut self, title: String, kind: PolicyKind) -> Policy {
        let id = random::uuid();
        let policy = Policy { id, title, kind };
        self.policies.push(policy.clone());
        policy
    }

    pub(crate) fn role(&self, id: &str) -> Option<&Role> {
        self.all.iter().find(|role| role.id == id)
    }

    pub(crate) fn role_mut(&mut self, id: &str) -> Option<&mut Role> {
        self.all.iter_mut().find(|role| role.id == id)
    }

    pub(crate) fn named(&self, name: &str) -> Option<&Role> {
        self.all.iter().find(|role| role.name == name)
    }

    pub(crate) fn policy(&self, id: &str) -> Option<&Policy> {
        self.policies.iter().find(|policy| policy.id == id)
    }

    /// The roles a policy is attached to.
    pub(crate) fn attached(&self, policy: &str) -> Vec<&Role> {
        let mut roles = Vec::new();
        for role in &self.all {
            if role.policies().iter().any(|id| id == policy) {
                roles.push(role);
            }
        }
        roles
    }

    /// Attaches a policy to these roles, and to no other.
    pub(crate) fn attach(&mut self, policy: &str, roles: &[String]) {
        for role in &mut self.all {
            if let RoleKind::Managed(policies) = &mut role.kind {
                policies.retain(|id| id != policy);
                if roles.contains(&role.id) {
                    policies.push(policy.to_owned());
                }
            }
        }
    }

    /// What a role opens; nothing for one that does not exist.
    pub(crate) fn access(&self, name: &str) -> Vec<BucketAccess> {
        let role = self.named(name);
        let policies = role.map(Role::policies).unwrap_or_default();
        let policies = policies.iter().filter_map(|id| self.policy(id));
        policies
            .flat_map(|policy| policy.access().iter().cloned())
            .collect()
    }
}

impl Role {
    pub(crate) fn policies(&self) -> &[String] {
        match &self.kind {
            RoleKind::Managed(policies) => policies,
            RoleKind::Unmanaged(_) => &[],
        }
    }
}

impl Policy {
    pub(crate) fn access(&self) -> &[BucketAccess] {
        match &self.kind {
            PolicyKind::Managed(access) => access,
            PolicyKind::Unmanaged(_) => &[],
        }
    }
}
