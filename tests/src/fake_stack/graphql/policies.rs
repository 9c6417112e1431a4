//! Policies: what managed roles are made of.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject, Union};

use super::admin::require_admin;
use super::buckets::BucketConfig;
use super::core;
use super::outcome::{InvalidInput, Ok as Done, OperationError};
use super::roles::{BucketPermissionLevel, ManagedRole, level, opened};
use crate::fake_stack::config::BucketAccess;
use crate::fake_stack::identity::roles::{self as model, PolicyKind, Roles};
use crate::fake_stack::state::Core;

pub(crate) struct Policy(pub(crate) model::Policy);

#[derive(SimpleObject)]
pub(crate) struct PolicyBucketPermission {
    policy: Policy,
    bucket: BucketConfig,
    level: BucketPermissionLevel,
}

impl PolicyBucketPermission {
    /// The policies that open a bucket.
    pub(super) fn of(core: &Core, bucket: &BucketConfig) -> Vec<Self> {
        let users = core.users.lock();
        let opening = users.roles.policies.iter().filter_map(|policy| {
            let level = level(policy.access(), &bucket.name)?;
            Some(Self {
                policy: Policy(policy.clone()),
                bucket: bucket.clone(),
                level,
            })
        });
        opening.collect()
    }
}

#[Object]
impl Policy {
    async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    async fn title(&self) -> &str {
        &self.0.title
    }

    async fn arn(&self) -> String {
        arn(&self.0)
    }

    async fn managed(&self) -> bool {
        matches!(self.0.kind, PolicyKind::Managed(_))
    }

    async fn permissions(
        &self,
        context: &Context<'_>,
    ) -> async_graphql::Result<Vec<PolicyBucketPermission>> {
        let opened = opened(core(context)?, self.0.access()).into_iter();
        Ok(opened
            .map(|(bucket, level)| PolicyBucketPermission {
                policy: Self(self.0.clone()),
                bucket,
                level,
            })
            .collect())
    }

    async fn roles(&self, context: &Context<'_>) -> async_graphql::Result<Vec<ManagedRole>> {
        let users = core(context)?.users.lock();
        let roles = users.roles.attached(&self.0.id).into_iter().cloned();
        Ok(roles.map(ManagedRole).collect())
    }
}

fn arn(policy: &model::Policy) -> String {
    match &policy.kind {
        PolicyKind::Managed(_) => format!("arn:aws:iam::123456789012:policy/quilt/{}", policy.id),
        PolicyKind::Unmanaged(arn) => arn.clone(),
    }
}

#[derive(Debug, InputObject)]
pub(crate) struct PermissionInput {
    bucket: String,
    level: BucketPermissionLevel,
}

#[derive(Debug, InputObject)]
pub(crate) struct ManagedPolicyInput {
    title: String,
    permissions: Vec<PermissionInput>,
    roles: Vec<ID>,
}

#[derive(Debug, InputObject)]
pub(crate) struct UnmanagedPolicyInput {
    title: String,
    arn: String,
    roles: Vec<ID>,
}

#[derive(Union)]
pub(crate) enum PolicyResult {
    Policy(Policy),
    InvalidInput(InvalidInput),
    OperationError(OperationError),
}

#[derive(Union)]
pub(crate) enum PolicyDeleteResult {
    Ok(Done),
    InvalidInput(InvalidInput),
    OperationError(OperationError),
}

/// What is asked of a policy, managed or not.
struct Wanted {
    title: String,
    kind: PolicyKind,
    roles: Vec<String>,
}

impl Wanted {
    fn new(title: String, kind: PolicyKind, roles: Vec<ID>) -> Self {
        let roles = roles.into_iter().map(|id| id.0).collect();
        Self { title, kind, roles }
    }

    /// What keeps it from being had, by a policy of this id or a new one.
    fn refused(&self, roles: &Roles, id: Option<&str>) -> Option<InvalidInput> {
        let refused = |path: &str, name, message: &str| {
            Some(InvalidInput::new(&format!("input.{path}"), name, message))
        };
        let mut others = roles.policies.iter().filter(|it| Some(&*it.id) != id);
        if others.clone().any(|it| it.title == self.title) {
            return refused("title", "PolicyTitleConflict", "Title is taken");
        }
        if let PolicyKind::Unmanaged(arn) = &self.kind {
            if !arn.starts_with("arn:aws:iam::") {
                return refused("arn", "InvalidArn", "Not the ARN of a policy");
            }
            let same =
                |it: &model::Policy| matches!(&it.kind, PolicyKind::Unmanaged(x) if x == arn);
            if others.any(same) {
                return refused("arn", "PolicyArnConflict", "ARN is taken");
            }
        }
        if self.roles.iter().any(|id| roles.role(id).is_none()) {
            return refused("roles", "RoleDoesNotExist", "There is no such role");
        }
        None
    }
}

impl From<ManagedPolicyInput> for Wanted {
    fn from(input: ManagedPolicyInput) -> Self {
        let access = input.permissions.into_iter().map(|it| BucketAccess {
            bucket: it.bucket,
            write: it.level == BucketPermissionLevel::ReadWrite,
        });
        let kind = PolicyKind::Managed(access.collect());
        Self::new(input.title, kind, input.roles)
    }
}

impl From<UnmanagedPolicyInput> for Wanted {
    fn from(input: UnmanagedPolicyInput) -> Self {
        Self::new(input.title, PolicyKind::Unmanaged(input.arn), input.roles)
    }
}

fn create(context: &Context<'_>, wanted: Wanted) -> async_graphql::Result<PolicyResult> {
    require_admin(context)?;
    let mut users = core(context)?.users.lock();
    if let Some(refused) = wanted.refused(&users.roles, None) {
        return Ok(PolicyResult::InvalidInput(refused));
    }
    let policy = users.roles.add_policy(wanted.title, wanted.kind);
    users.roles.attach(&policy.id, &wanted.roles);
    Ok(PolicyResult::Policy(Policy(policy)))
}

fn update(context: &Context<'_>, id: &str, wanted: Wanted) -> async_graphql::Result<PolicyResult> {
    require_admin(context)?;
    let mut users = core(context)?.users.lock();
    let Some(known) = users.roles.policy(id).cloned() else {
        return Ok(PolicyResult::InvalidInput(unknown()));
    };
    let is_managed = |kind: &PolicyKind| matches!(kind, PolicyKind::Managed(_));
    if is_managed(&known.kind) != is_managed(&wanted.kind) {
        let refused = InvalidInput::new("id", "PolicyTypeMismatch", "It is of the other kind");
        return Ok(PolicyResult::InvalidInput(refused));
    }
    if let Some(refused) = wanted.refused(&users.roles, Some(id)) {
        return Ok(PolicyResult::InvalidInput(refused));
    }
    let updated = model::Policy {
        id: known.id,
        title: wanted.title,
        kind: wanted.kind,
    };
    for policy in users.roles.policies.iter_mut().filter(|it| it.id == id) {
        policy.clone_from(&updated);
    }
    users.roles.attach(id, &wanted.roles);
    Ok(PolicyResult::Policy(Policy(updated)))
}

fn unknown() -> InvalidInput {
    InvalidInput::new("id", "PolicyDoesNotExist", "There is no such policy")
}

#[derive(Default)]
pub(crate) struct PolicyQuery;

#[Object]
impl PolicyQuery {
    async fn policies(&self, context: &Context<'_>) -> async_graphql::Result<Vec<Policy>> {
        require_admin(context)?;
        let users = core(context)?.users.lock();
        Ok(users.roles.policies.iter().cloned().map(Policy).collect())
    }

    async fn policy(&self, context: &Context<'_>, id: ID) -> async_graphql::Result<Option<Policy>> {
        require_admin(context)?;
        let users = core(context)?.users.lock();
        Ok(users.roles.policy(&id).cloned().map(Policy))
    }
}

#[derive(Default)]
pub(crate) struct PolicyMutation;

#[Object]
impl PolicyMutation {
    async fn policy_create_managed(
        &self,
        context: &Context<'_>,
        input: ManagedPolicyInput,
    ) -> async_graphql::Result<PolicyResult> {
        create(context, input.into())
    }

    async fn policy_create_unmanaged(
        &self,
        context: &Context<'_>,
        input: UnmanagedPolicyInput,
    ) -> async_graphql::Result<PolicyResult> {
        create(context, input.into())
    }

    async fn policy_update_managed(
        &self,
        context: &Context<'_>,
        id: ID,
        input: ManagedPolicyInput,
    ) -> async_graphql::Result<PolicyResult> {
        update(context, &id, input.into())
    }

    async fn policy_update_unmanaged(
        &self,
        context: &Context<'_>,
        id: ID,
        input: UnmanagedPolicyInput,
    ) -> async_graphql::Result<PolicyResult> {
        update(context, &id, input.into())
    }

    async fn policy_delete(
        &self,
        context: &Context<'_>,
        id: ID,
    ) -> async_graphql::Result<PolicyDeleteResult> {
        require_admin(context)?;
        let mut users = core(context)?.users.lock();
        if users.roles.policy(&id).is_none() {
            return Ok(PolicyDeleteResult::InvalidInput(unknown()));
        }
        users.roles.attach(&id, &[]);
        users.roles.policies.retain(|policy| policy.id != *id);
        Ok(PolicyDeleteResult::Ok(Done::default()))
    }
}
