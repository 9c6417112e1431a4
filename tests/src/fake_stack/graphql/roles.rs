//! Roles: what they are, and what they open.

use async_graphql::{Context, Enum, ID, Object, SimpleObject, Union};

use super::admin::require_admin;
use super::buckets::BucketConfig;
use super::core;
use super::policies::Policy;
use crate::fake_stack::config::BucketAccess;
use crate::fake_stack::identity::roles::{self as model, RoleKind};
use crate::fake_stack::state::Core;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum BucketPermissionLevel {
    Read,
    ReadWrite,
}

/// A role, as GraphQL tells the two kinds apart.
#[derive(Union)]
pub(crate) enum Role {
    Unmanaged(UnmanagedRole),
    Managed(ManagedRole),
}

pub(crate) struct UnmanagedRole {
    role: model::Role,
    arn: String,
}

pub(crate) struct ManagedRole(pub(crate) model::Role);

#[derive(SimpleObject)]
pub(crate) struct RoleSignup {
    page: String,
    title: Option<String>,
    description: Option<String>,
    access_code: String,
}

#[derive(SimpleObject)]
pub(crate) struct RoleBucketPermission {
    role: Role,
    bucket: BucketConfig,
    level: BucketPermissionLevel,
}

impl From<model::Role> for Role {
    fn from(role: model::Role) -> Self {
        match &role.kind {
            RoleKind::Managed(_) => Self::Managed(ManagedRole(role)),
            RoleKind::Unmanaged(arn) => Self::Unmanaged(UnmanagedRole {
                arn: arn.clone(),
                role,
            }),
        }
    }
}

#[Object]
impl UnmanagedRole {
    async fn id(&self) -> ID {
        ID(self.role.id.clone())
    }

    async fn name(&self) -> &str {
        &self.role.name
    }

    async fn arn(&self) -> &str {
        &self.arn
    }

    async fn default_bucket(&self) -> Option<&str> {
        self.role.default_bucket.as_deref()
    }

    async fn signup(&self) -> Option<RoleSignup> {
        self.role.signup.clone().map(RoleSignup::from)
    }
}

#[Object]
impl ManagedRole {
    async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    async fn name(&self) -> &str {
        &self.0.name
    }

    async fn arn(&self) -> String {
        format!("arn:aws:iam::123456789012:role/quilt/{}", self.0.name)
    }

    async fn policies(&self, context: &Context<'_>) -> async_graphql::Result<Vec<Policy>> {
        let users = core(context)?.users.lock();
        let policies = self.0.policies().iter();
        let policies = policies.filter_map(|id| users.roles.policy(id));
        Ok(policies.cloned().map(Policy).collect())
    }

    async fn permissions(
        &self,
        context: &Context<'_>,
    ) -> async_graphql::Result<Vec<RoleBucketPermission>> {
        let core = core(context)?;
        let access = core.users.lock().access(&self.0.name);
        let opened = opened(core, &access).into_iter();
        Ok(opened
            .map(|(bucket, level)| RoleBucketPermission {
                role: self.0.clone().into(),
                bucket,
                level,
            })
            .collect())
    }

    async fn default_bucket(&self) -> Option<&str> {
        self.0.default_bucket.as_deref()
    }

    async fn signup(&self) -> Option<RoleSignup> {
        self.0.signup.clone().map(RoleSignup::from)
    }
}

impl From<model::Signup> for RoleSignup {
    fn from(signup: model::Signup) -> Self {
        Self {
            page: signup.page,
            title: signup.title,
            description: signup.description,
            access_code: signup.access_code,
        }
    }
}

impl RoleBucketPermission {
    /// The managed roles that open a bucket.
    pub(super) fn of(core: &Core, bucket: &BucketConfig) -> Vec<Self> {
        let users = core.users.lock();
        let opening = users.roles.all.iter().filter_map(|role| {
            let access = users.roles.access(&role.name);
            let level = level(&access, &bucket.name)?;
            Some(Self {
                role: role.clone().into(),
                bucket: bucket.clone(),
                level,
            })
        });
        opening.collect()
    }
}

/// How far a bucket is opened, if it is.
pub(super) fn level(access: &[BucketAccess], bucket: &str) -> Option<BucketPermissionLevel> {
    let of_it = access
        .iter()
        .filter(|it| it.bucket == "*" || it.bucket == bucket);
    let write = of_it.map(|it| it.write).reduce(|one, other| one || other)?;
    Some(BucketPermissionLevel::of(write))
}

/// The buckets in the catalog that are opened, and how far.
pub(super) fn opened(
    core: &Core,
    access: &[BucketAccess],
) -> Vec<(BucketConfig, BucketPermissionLevel)> {
    let buckets = BucketConfig::all(core).into_iter();
    buckets
        .filter_map(|bucket| {
            let level = level(access, &bucket.name)?;
            Some((bucket, level))
        })
        .collect()
}

impl BucketPermissionLevel {
    fn of(write: bool) -> Self {
        if write { Self::ReadWrite } else { Self::Read }
    }
}

#[derive(Default)]
pub(crate) struct RoleQuery;

#[Object]
impl RoleQuery {
    async fn roles(&self, context: &Context<'_>) -> async_graphql::Result<Vec<Role>> {
        require_admin(context)?;
        let users = core(context)?.users.lock();
        Ok(users.roles.all.iter().cloned().map(Role::from).collect())
    }

    async fn role(&self, context: &Context<'_>, id: ID) -> async_graphql::Result<Option<Role>> {
        require_admin(context)?;
        let users = core(context)?.users.lock();
        Ok(users.roles.role(&id).cloned().map(Role::from))
    }

    async fn default_role(&self, context: &Context<'_>) -> async_graphql::Result<Option<Role>> {
        require_admin(context)?;
        let roles = &core(context)?.users.lock().roles;
        let default = roles.default.as_deref().and_then(|id| roles.role(id));
        Ok(default.cloned().map(Role::from))
    }
}
