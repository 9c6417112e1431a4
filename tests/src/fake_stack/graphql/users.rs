//! Users, as admins see and change them.

use async_graphql::{Context, InputObject, Object, Union};

use super::api_keys::Datetime;
use super::core;
use super::outcome::{InvalidInput, Ok as Done, OperationError};
use super::roles::Role;
use crate::fake_stack::config::UserConfig;
use crate::fake_stack::identity::users::{Directory, User as Known};

pub(crate) struct User(pub(crate) Known);

#[Object]
impl User {
    async fn name(&self) -> &str {
        &self.0.name
    }

    async fn email(&self) -> &str {
        &self.0.email
    }

    async fn date_joined(&self) -> Datetime {
        Datetime(self.0.joined)
    }

    async fn last_login(&self) -> Datetime {
        Datetime(self.0.joined)
    }

    async fn is_active(&self) -> bool {
        self.0.active
    }

    async fn is_admin(&self) -> bool {
        self.0.admin
    }

    async fn is_sso_only(&self) -> bool {
        false
    }

    async fn is_service(&self) -> bool {
        false
    }

    /// The active role.
    async fn role(&self, context: &Context<'_>) -> async_graphql::Result<Option<Role>> {
        let users = core(context)?.users.lock();
        Ok(users.roles.named(&self.0.role).cloned().map(Role::from))
    }

    /// Every other role that can be switched to.
    async fn extra_roles(&self, context: &Context<'_>) -> async_graphql::Result<Vec<Role>> {
        let users = core(context)?.users.lock();
        let others = self.0.roles.iter().filter(|name| **name != self.0.role);
        let others = others.filter_map(|name| users.roles.named(name));
        Ok(others.cloned().map(Role::from).collect())
    }

    async fn is_role_assignment_disabled(&self) -> bool {
        false
    }

    async fn is_admin_assignment_disabled(&self) -> bool {
        false
    }
}

#[derive(Debug, InputObject)]
pub(crate) struct UserInput {
    name: String,
    email: String,
    role: String,
    extra_roles: Option<Vec<String>>,
}

#[derive(Union)]
pub(crate) enum UserResult {
    User(User),
    InvalidInput(InvalidInput),
    OperationError(OperationError),
}

#[derive(Union)]
pub(crate) enum OperationResult {
    Ok(Done),
    InvalidInput(InvalidInput),
    OperationError(OperationError),
}

pub(crate) struct UserAdminQueries;

#[Object]
impl UserAdminQueries {
    async fn list(&self, context: &Context<'_>) -> async_graphql::Result<Vec<User>> {
        let users = core(context)?.users.lock();
        Ok(users.users().cloned().map(User).collect())
    }

    async fn get(
        &self,
        context: &Context<'_>,
        name: String,
    ) -> async_graphql::Result<Option<User>> {
        let users = core(context)?.users.lock();
        Ok(users.user(&name).cloned().map(User))
    }
}

pub(crate) struct UserAdminMutations;

#[Object]
impl UserAdminMutations {
    async fn create(
        &self,
        context: &Context<'_>,
        input: UserInput,
    ) -> async_graphql::Result<UserResult> {
        let core = core(context)?;
        let mut users = core.users.lock();
        let refused = |path: &str, name, message: &str| {
            Ok(UserResult::InvalidInput(InvalidInput::new(
                &format!("input.{path}"),
                name,
                message,
            )))
        };
        let legal = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        if input.name.is_empty() || !input.name.chars().all(legal) {
            return refused("name", "InvalidUsername", "Not a name for a user");
        }
        if !is_email(&input.email) {
            return refused("email", "InvalidEmail", "Not an e-mail address");
        }
        if users.user(&input.name).is_some() {
            return refused("name", "UsernameTaken", "There is such a user");
        }
        if users.users().any(|user| user.email == input.email) {
            return refused("email", "EmailTaken", "Somebody has that address");
        }
        let mut roles = vec![input.role];
        roles.extend(input.extra_roles.unwrap_or_default());
        if let Some(refused) = unknown_role(&users, &roles) {
            return Ok(UserResult::InvalidInput(refused));
        }
        let config = UserConfig {
            name: input.name,
            email: input.email,
            admin: false,
            roles,
        };
        let user = users.add(&config, core.clock.now());
        Ok(UserResult::User(User(user)))
    }

    /// Nothing where there is no such user.
    async fn mutate(
        &self,
        context: &Context<'_>,
        name: String,
    ) -> async_graphql::Result<Option<MutateUserAdminMutations>> {
        let users = core(context)?.users.lock();
        Ok(users
            .user(&name)
            .map(|user| MutateUserAdminMutations(user.name.clone())))
    }
}

fn is_email(text: &str) -> bool {
    let parts = text.split_once('@');
    parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
}

fn unknown_role(users: &Directory, roles: &[String]) -> Option<InvalidInput> {
    let mut roles = roles.iter();
    let unknown = roles.find(|name| users.roles.named(name).is_none())?;
    let message = format!("There is no role called {unknown}");
    Some(InvalidInput::new("role", "RoleNotFound", message))
}

pub(crate) struct MutateUserAdminMutations(String);

impl MutateUserAdminMutations {
    fn change(
        &self,
        context: &Context<'_>,
        change: impl FnOnce(&mut Known) -> Result<(), InvalidInput>,
    ) -> async_graphql::Result<UserResult> {
        let mut users = core(context)?.users.lock();
        let user = users.user_mut(&self.0)?;
        let mut changed = user.clone();
        if let Err(refused) = change(&mut changed) {
            return Ok(UserResult::InvalidInput(refused));
        }
        user.clone_from(&changed);
        Ok(UserResult::User(User(changed)))
    }
}

#[Object]
impl MutateUserAdminMutations {
    async fn delete(&self, context: &Context<'_>) -> async_graphql::Result<OperationResult> {
        core(context)?.users.lock().remove(&self.0);
        Ok(OperationResult::Ok(Done::default()))
    }

    async fn set_email(
        &self,
        context: &Context<'_>,
        email: String,
    ) -> async_graphql::Result<UserResult> {
        self.change(context, |user| {
            if !is_email(&email) {
                let refused = InvalidInput::new("email", "InvalidEmail", "Not an e-mail address");
                return Err(refused);
            }
            user.email = email;
            Ok(())
        })
    }

    async fn set_role(
        &self,
        context: &Context<'_>,
        role: String,
        extra_roles: Option<Vec<String>>,
        #[graphql(default = false)] append: bool,
    ) -> async_graphql::Result<UserResult> {
        let mut roles = vec![role.clone()];
        roles.extend(extra_roles.unwrap_or_default());
        let refused = unknown_role(&core(context)?.users.lock(), &roles);
        self.change(context, |user| {
            refused.map_or(Ok(()), Err)?;
            let before = std::mem::take(&mut user.roles);
            let kept = before.into_iter().filter(|_| append);
            user.roles = merged(roles.into_iter().chain(kept));
            user.role = role;
            Ok(())
        })
    }

    async fn add_roles(
        &self,
        context: &Context<'_>,
        roles: Vec<String>,
    ) -> async_graphql::Result<UserResult> {
        let refused = unknown_role(&core(context)?.users.lock(), &roles);
        self.change(context, |user| {
            refused.map_or(Ok(()), Err)?;
            let before = std::mem::take(&mut user.roles);
            user.roles = merged(before.into_iter().chain(roles));
            Ok(())
        })
    }

    async fn remove_roles(
        &self,
        context: &Context<'_>,
        roles: Vec<String>,
        fallback: Option<String>,
    ) -> async_graphql::Result<UserResult> {
        self.change(context, |user| {
            user.roles.retain(|role| !roles.contains(role));
            if roles.contains(&user.role) {
                let Some(fallback) = fallback.or_else(|| user.roles.first().cloned()) else {
                    let message = "No role would be left";
                    return Err(InvalidInput::new("roles", "NoRoleLeft", message));
                };
                let before = std::mem::take(&mut user.roles);
                user.roles = merged(std::iter::once(fallback.clone()).chain(before));
                user.role = fallback;
            }
            Ok(())
        })
    }

    async fn set_admin(
        &self,
        context: &Context<'_>,
        admin: bool,
    ) -> async_graphql::Result<UserResult> {
        self.change(context, |user| {
            user.admin = admin;
            Ok(())
        })
    }

    async fn set_active(
        &self,
        context: &Context<'_>,
        active: bool,
    ) -> async_graphql::Result<UserResult> {
        self.change(context, |user| {
            user.active = active;
            Ok(())
        })
    }

    async fn reset_password(&self) -> OperationResult {
        OperationResult::Ok(Done::default())
    }
}

/// Each once, in order of its first.
fn merged(roles: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut merged: Vec<String> = Vec::new();
    for role in roles {
        if !merged.contains(&role) {
            merged.push(role);
        }
    }
    merged
}
