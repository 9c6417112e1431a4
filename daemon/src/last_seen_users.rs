//! Who the stacks last said the users are, for whoever only looks.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use quilt_proto::wire::{Me, SessionUser};
use quilt_proto::{CatalogUrl, Timestamp};

/// A user a catalog, until a login or the end of one.
#[derive(Debug, Default)]
pub struct Users(Mutex<BTreeMap<CatalogUrl, SessionUser>>);

impl Users {
    /// Takes note of what a stack said; forgets who it was where it said nothing.
    pub fn note(
        &self,
        catalog: &CatalogUrl,
        me: Option<&Me>,
        now: Timestamp,
    ) -> Option<SessionUser> {
        let user = me.map(|me| user(me, now));
        let mut users = self.0.lock();
        match &user {
            Some(user) => drop(users.insert(catalog.clone(), user.clone())),
            None => drop(users.remove(catalog)),
        }
        user
    }

    /// Whoever it was, as long as the session is usable.
    pub fn of(&self, catalog: &CatalogUrl, is_usable: bool) -> Option<SessionUser> {
        let mut users = self.0.lock();
        if !is_usable {
            users.remove(catalog);
        }
        users.get(catalog).cloned()
    }
}

/// A user, as a stack described them at some time.
pub fn user(me: &Me, seen_at: Timestamp) -> SessionUser {
    SessionUser {
        name: me.name.clone(),
        role: me.role.clone(),
        is_admin: me.is_admin,
        seen_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_known_until_the_session_ends() {
        let users = Users::default();
        let catalog: CatalogUrl = "https://x.example".parse().unwrap();
        let me = Me {
            name: "alice".to_owned(),
            email: String::new(),
            is_admin: true,
            role: None,
            roles: Vec::new(),
        };
        users.note(&catalog, Some(&me), Timestamp::from_unix(5));
        assert_eq!(users.of(&catalog, true).unwrap().name, "alice");
        assert_eq!(users.of(&catalog, false), None);
        assert_eq!(users.of(&catalog, true), None, "nobody comes back unasked");
        users.note(&catalog, Some(&me), Timestamp::from_unix(6));
        users.note(&catalog, None, Timestamp::from_unix(7));
        assert_eq!(users.of(&catalog, true), None);
    }
}
