//! Users and their Quilt roles.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::roles::Roles;
use crate::fake_stack::config::{BucketAccess, RoleConfig, UserConfig};

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
    pub(crate) joined: Timestamp,
}

/// Everyone, and what each role opens.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    users: BTreeMap<String, User>,
    pub(crate) roles: Roles,
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
    pub(crate) fn new(users: &[UserConfig], roles: &[RoleConfig], now: Timestamp) -> Self {
        let users = users
            .iter()
            .map(|user| (user.name.clone(), User::new(user, now)))
            .collect();
        let roles = Roles::new(roles);
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
        self.roles.access(role)
    }

    /// Adds a user, or puts another in the place of the one of that name.
    pub(crate) fn add(&mut self, config: &UserConfig, now: Timestamp) -> User {
        let user = User::new(config, now);
        self.users.insert(user.name.clone(), user.clone());
        user
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<User> {
        self.users.remove(name)
    }

    /// Has everybody's role of one name called by another.
    pub(crate) fn rename_role(&mut self, from: &str, to: &str) {
        for user in self.users.values_mut() {
            let names = user.roles.iter_mut().chain([&mut user.role]);
            for name in names.filter(|name| *name == from) {
                to.clone_into(name);
            }
        }
    }
}

impl User {
    fn new(config: &UserConfig, now: Timestamp) -> Self {
        Self {
            id: crate::fake_stack::random::uuid(),
            name: config.name.clone(),
            email: config.email.clone(),
            admin: config.admin,
            active: true,
            role: config.roles.first().cloned().unwrap_or_default(),
            roles: config.roles.clone(),
            joined: now,
        }
    }
}
