//! What admins do with roles.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject, Union};

use super::admin::require_admin;
use super::core;
use super::outcome::nothing_to_say;
use super::roles::Role;
use crate::fake_stack::identity::roles::{self as model, RoleKind, Roles};
use crate::fake_stack::state::Core;

/// Names no role may have.
const RESERVED: [&str; 1] = ["UnauthorizedUser"];

/// More policies cannot be attached (an IAM quota).
const MOST_POLICIES: usize = 10;

#[derive(Debug, InputObject)]
pub(crate) struct ManagedRoleInput {
    name: String,
    policies: Vec<ID>,
    default_bucket: MaybeUndefined<String>,
    signup: MaybeUndefined<RoleSignupInput>,
}

#[derive(Debug, InputObject)]
pub(crate) struct UnmanagedRoleInput {
    name: String,
    arn: String,
    default_bucket: MaybeUndefined<String>,
    signup: MaybeUndefined<RoleSignupInput>,
}

#[derive(Debug, InputObject)]
pub(crate) struct RoleSignupInput {
    page: String,
    title: Option<String>,
    description: Option<String>,
    access_code: String,
}

nothing_to_say! {
    RoleNameReserved, RoleNameExists, RoleNameInvalid, RoleNameUsedBySsoConfig, RoleDoesNotExist,
    RoleIsManaged, RoleIsUnmanaged, RoleHasTooManyPoliciesToAttach, RoleDeleteSuccess,
    RoleAssigned, RoleOwnsDataProducts, RoleSignupPageConflict, SsoConfigConflict,
}

#[derive(SimpleObject)]
pub(crate) struct RoleCreateSuccess {
    role: Role,
}

#[derive(SimpleObject)]
pub(crate) struct RoleUpdateSuccess {
    role: Role,
}

#[derive(SimpleObject)]
pub(crate) struct RoleSetDefaultSuccess {
    role: Role,
}

#[derive(Union)]
pub(crate) enum RoleCreateResult {
    Done(Box<RoleCreateSuccess>),
    Reserved(RoleNameReserved),
    Exists(RoleNameExists),
    Invalid(RoleNameInvalid),
    TooMany(RoleHasTooManyPoliciesToAttach),
    Signup(RoleSignupPageConflict),
}

#[derive(Union)]
pub(crate) enum RoleUpdateResult {
    Done(Box<RoleUpdateSuccess>),
    Reserved(RoleNameReserved),
    Exists(RoleNameExists),
    Invalid(RoleNameInvalid),
    Sso(RoleNameUsedBySsoConfig),
    Managed(RoleIsManaged),
    Unmanaged(RoleIsUnmanaged),
    TooMany(RoleHasTooManyPoliciesToAttach),
    Signup(RoleSignupPageConflict),
}

#[derive(Union)]
pub(crate) enum RoleDeleteResult {
    Done(RoleDeleteSuccess),
    Unknown(RoleDoesNotExist),
    Reserved(RoleNameReserved),
    Sso(RoleNameUsedBySsoConfig),
    Assigned(RoleAssigned),
    Owns(RoleOwnsDataProducts),
}

#[derive(Union)]
pub(crate) enum RoleSetDefaultResult {
    Done(Box<RoleSetDefaultSuccess>),
    Unknown(RoleDoesNotExist),
    Sso(SsoConfigConflict),
}

/// What is wrong with a role that somebody describes.
enum Wrong {
    Reserved,
    Exists,
    Invalid,
    TooMany,
    Signup,
}

/// What is asked of a role, managed or not.
struct Wanted {
    name: String,
    kind: RoleKind,
    default_bucket: MaybeUndefined<String>,
    signup: MaybeUndefined<model::Signup>,
}

impl Wanted {
    /// Whether it can be had, by a role of this id or a new one.
    fn check(&self, roles: &Roles, id: Option<&str>) -> Result<(), Wrong> {
        let legal = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        let mut others = roles.all.iter().filter(|role| Some(&*role.id) != id);
        let page = match &self.signup {
            MaybeUndefined::Value(signup) => Some(&signup.page),
            _ => None,
        };
        let has_page = |role: &model::Role| {
            let own = role.signup.as_ref().map(|signup| &signup.page);
            page.is_some() && own == page
        };
        if RESERVED.contains(&&*self.name) {
            Err(Wrong::Reserved)
        } else if self.name.is_empty() || !self.name.chars().all(legal) {
            Err(Wrong::Invalid)
        } else if matches!(&self.kind, RoleKind::Managed(all) if all.len() > MOST_POLICIES) {
            Err(Wrong::TooMany)
        } else if others.clone().any(|role| role.name == self.name) {
            Err(Wrong::Exists)
        } else if others.any(has_page) {
            Err(Wrong::Signup)
        } else {
            Ok(())
        }
    }

    fn apply(self, role: &mut model::Role) {
        role.name = self.name;
        role.kind = self.kind;
        match self.default_bucket {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => role.default_bucket = None,
            MaybeUndefined::Value(bucket) => role.default_bucket = Some(bucket),
        }
        match self.signup {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => role.signup = None,
            MaybeUndefined::Value(signup) => role.signup = Some(signup),
        }
    }
}

impl From<ManagedRoleInput> for Wanted {
    fn from(input: ManagedRoleInput) -> Self {
        let policies = input.policies.into_iter().map(|id| id.0).collect();
        Self {
            name: input.name,
            kind: RoleKind::Managed(policies),
            default_bucket: input.default_bucket,
            signup: signup(input.signup),
        }
    }
}

impl From<UnmanagedRoleInput> for Wanted {
    fn from(input: UnmanagedRoleInput) -> Self {
        Self {
            name: input.name,
            kind: RoleKind::Unmanaged(input.arn),
            default_bucket: input.default_bucket,
            signup: signup(input.signup),
        }
    }
}

fn signup(input: MaybeUndefined<RoleSignupInput>) -> MaybeUndefined<model::Signup> {
    match input {
        MaybeUndefined::Undefined => MaybeUndefined::Undefined,
        MaybeUndefined::Null => MaybeUndefined::Null,
        MaybeUndefined::Value(input) => MaybeUndefined::Value(model::Signup {
            page: input.page,
            access_code: input.access_code,
            title: input.title,
            description: input.description,
        }),
    }
}

fn create(context: &Context<'_>, wanted: Wanted) -> async_graphql::Result<RoleCreateResult> {
    require_admin(context)?;
    let mut users = core(context)?.users.lock();
    if let Err(wrong) = wanted.check(&users.roles, None) {
        return Ok(match wrong {
            Wrong::Reserved => RoleCreateResult::Reserved(RoleNameReserved::default()),
            Wrong::Exists => RoleCreateResult::Exists(RoleNameExists::default()),
            Wrong::Invalid => RoleCreateResult::Invalid(RoleNameInvalid::default()),
            Wrong::TooMany => RoleCreateResult::TooMany(RoleHasTooManyPoliciesToAttach::default()),
            Wrong::Signup => RoleCreateResult::Signup(RoleSignupPageConflict::default()),
        });
    }
    let mut role = users
        .roles
        .add_role(wanted.name.clone(), wanted.kind.clone());
    wanted.apply(&mut role);
    if let Some(stored) = users.roles.role_mut(&role.id) {
        stored.clone_from(&role);
    }
    Ok(RoleCreateResult::Done(Box::new(RoleCreateSuccess {
        role: role.into(),
    })))
}

fn update(
    context: &Context<'_>,
    id: &str,
    wanted: Wanted,
) -> async_graphql::Result<RoleUpdateResult> {
    require_admin(context)?;
    let core = core(context)?;
    let is_sso = is_named_by_sso(core, id);
    let mut users = core.users.lock();
    let Some(known) = users.roles.role(id).cloned() else {
        return Err(async_graphql::Error::new("Role not found"));
    };
    match (&known.kind, &wanted.kind) {
        (RoleKind::Managed(_), RoleKind::Unmanaged(_)) => {
            return Ok(RoleUpdateResult::Managed(RoleIsManaged::default()));
        }
        (RoleKind::Unmanaged(_), RoleKind::Managed(_)) => {
            return Ok(RoleUpdateResult::Unmanaged(RoleIsUnmanaged::default()));
        }
        _ => {}
    }
    if is_sso && wanted.name != known.name {
        return Ok(RoleUpdateResult::Sso(RoleNameUsedBySsoConfig::default()));
    }
    if let Err(wrong) = wanted.check(&users.roles, Some(id)) {
        return Ok(match wrong {
            Wrong::Reserved => RoleUpdateResult::Reserved(RoleNameReserved::default()),
            Wrong::Exists => RoleUpdateResult::Exists(RoleNameExists::default()),
            Wrong::Invalid => RoleUpdateResult::Invalid(RoleNameInvalid::default()),
            Wrong::TooMany => RoleUpdateResult::TooMany(RoleHasTooManyPoliciesToAttach::default()),
            Wrong::Signup => RoleUpdateResult::Signup(RoleSignupPageConflict::default()),
        });
    }
    let name = wanted.name.clone();
    if let Some(role) = users.roles.role_mut(id) {
        wanted.apply(role);
    }
    users.rename_role(&known.name, &name);
    let role = users.roles.role(id).cloned().unwrap_or(known);
    Ok(RoleUpdateResult::Done(Box::new(RoleUpdateSuccess {
        role: role.into(),
    })))
}

/// Whether the configuration of single sign-on names a role.
fn is_named_by_sso(core: &Core, id: &str) -> bool {
    let users = core.users.lock();
    let name = users.roles.role(id).map(|role| role.name.clone());
    drop(users);
    let administration = core.administration.lock();
    let sso = administration.sso.as_ref();
    name.zip(sso)
        .is_some_and(|(name, sso)| sso.text.contains(&name))
}

#[derive(Default)]
pub(crate) struct RoleMutation;

#[Object]
impl RoleMutation {
    async fn role_create_managed(
        &self,
        context: &Context<'_>,
        input: ManagedRoleInput,
    ) -> async_graphql::Result<RoleCreateResult> {
        create(context, input.into())
    }

    async fn role_create_unmanaged(
        &self,
        context: &Context<'_>,
        input: UnmanagedRoleInput,
    ) -> async_graphql::Result<RoleCreateResult> {
        create(context, input.into())
    }

    async fn role_update_managed(
        &self,
        context: &Context<'_>,
        id: ID,
        input: ManagedRoleInput,
    ) -> async_graphql::Result<RoleUpdateResult> {
        update(context, &id, input.into())
    }

    async fn role_update_unmanaged(
        &self,
        context: &Context<'_>,
        id: ID,
        input: UnmanagedRoleInput,
    ) -> async_graphql::Result<RoleUpdateResult> {
        update(context, &id, input.into())
    }

    async fn role_delete(
        &self,
        context: &Context<'_>,
        id: ID,
    ) -> async_graphql::Result<RoleDeleteResult> {
        require_admin(context)?;
        let core = core(context)?;
        let is_sso = is_named_by_sso(core, &id);
        let mut users = core.users.lock();
        let Some(role) = users.roles.role(&id).cloned() else {
            return Ok(RoleDeleteResult::Unknown(RoleDoesNotExist::default()));
        };
        if is_sso {
            return Ok(RoleDeleteResult::Sso(RoleNameUsedBySsoConfig::default()));
        }
        if users.users().any(|user| user.roles.contains(&role.name)) {
            return Ok(RoleDeleteResult::Assigned(RoleAssigned::default()));
        }
        users.roles.all.retain(|known| known.id != role.id);
        Ok(RoleDeleteResult::Done(RoleDeleteSuccess::default()))
    }

    async fn role_set_default(
        &self,
        context: &Context<'_>,
        id: ID,
    ) -> async_graphql::Result<RoleSetDefaultResult> {
        require_admin(context)?;
        let core = core(context)?;
        if core.administration.lock().sso.is_some() {
            return Ok(RoleSetDefaultResult::Sso(SsoConfigConflict::default()));
        }
        let mut users = core.users.lock();
        let Some(role) = users.roles.role(&id).cloned() else {
            return Ok(RoleSetDefaultResult::Unknown(RoleDoesNotExist::default()));
        };
        users.roles.default = Some(role.id.clone());
        let role = role.into();
        Ok(RoleSetDefaultResult::Done(Box::new(
            RoleSetDefaultSuccess { role },
        )))
    }
}
