//! Users and their Quilt roles.

use std::collections::BTreeMap;

use crate::stack::config::{BucketAccess, RoleConfig, UserConfig};

/// A person, as the stack knows them now.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) admin: bool,
    pub(crate) active: bool,
    /// The active role.
    pub(crate) role: String,
    /// Every role they may take.
    pub(crate) roles: Vec<String>,
}

/// Everyone, and what each role opens.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    users: BTreeMap<String, User>,
    roles: BTreeMap<String, Vec<BucketAccess>>,
}

/// Why somebody cannot be given a role.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// No user of this name.
    #[error("no user is called {0:?}")]
    UnknownUser(String),
    /// No role of this name, or not one of theirs.
    #[error("{user} has no role called {role:?}")]
    UnknownRole {
        /// The user.
        user: String,
        /// The role asked for.
        role: String,
    },
}

impl Directory {
    pub(crate) fn new(users: &[UserConfig], roles: &[RoleConfig]) -> Self {
        let users = users
            .iter()
            .map(|user| (user.name.clone(), User::new(user)))
            .collect();
        let roles = roles
            .iter()
            .map(|role| (role.name.clone(), role.buckets.clone()))
            .collect();
        Self { users, roles }
    }

    pub(crate) fn user(&self, name: &str) -> Option<&User> {
        self.users.get(name)
    }

    pub(crate) fn by_id(&self, id: &str) -> Option<&User> {
        self.users.values().find(|user| user.id == id)
    }

    pub(crate) fn users(&self) -> impl Iterator<Item = &User> {
        self.users.values()
    }

    /// Changes a user; what a role opens is looked up by name afterwards.
    pub(crate) fn user_mut(&mut self, name: &str) -> Result<&mut User, DirectoryError> {
        self.users
            .get_mut(name)
            .ok_or_else(|| DirectoryError::UnknownUser(name.to_owned()))
    }

    /// Makes another of the user's roles the active one.
    pub(crate) fn switch_role(&mut self, name: &str, role: &str) -> Result<(), DirectoryError> {
        let user = self.user_mut(name)?;
        if !user.roles.iter().any(|own| own == role) {
            return Err(DirectoryError::UnknownRole {
                user: name.to_owned(),
                role: role.to_owned(),
            });
        }
        role.clone_into(&mut user.role);
        Ok(())
    }

    /// What a Quilt role opens; nothing for one that does not exist.
    pub(crate) fn access(&self, role: &str) -> Vec<BucketAccess> {
        self.roles.get(role).cloned().unwrap_or_default()
    }
}

impl User {
    fn new(config: &UserConfig) -> Self {
        Self {
            id: crate::stack::random::uuid(),
            name: config.name.clone(),
            email: config.email.clone(),
            admin: config.admin,
            active: true,
            role: config.roles.first().cloned().unwrap_or_default(),
            roles: config.roles.clone(),
        }
    }
}
