//! Refresh tokens, the families they rotate in, and the access tokens they yield.

use std::collections::HashMap;
use std::time::Instant;

use crate::fake_stack::random;
use crate::fake_stack::settings::Rotation;

/// Length of a refresh token, characters.
const TOKEN_LENGTH: usize = 64;

/// Who hands out a session's tokens. Tokens of one are unknown to the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Issuer {
    /// `/api/token`.
    Registry,
    /// The OAuth server, to this client.
    Connect {
        /// `client_id`.
        client: String,
    },
}

/// One login.
#[derive(Debug)]
struct Family {
    user: String,
    issuer: Issuer,
    alive: bool,
}

/// A refresh token and what became of it.
#[derive(Debug)]
struct RefreshToken {
    family: u64,
    /// The token it was exchanged for.
    parent: Option<String>,
    spent: bool,
}

/// Every login of the stack.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    families: HashMap<u64, Family>,
    refresh: HashMap<String, RefreshToken>,
    /// Access tokens by `uuid`, with the family of each.
    access: HashMap<String, u64>,
    last_family: u64,
    /// When a refresh token was last exchanged.
    last_exchange: Option<Instant>,
}

/// A fresh pair, before its access token is signed.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) user: String,
    pub(crate) refresh_token: String,
    /// `uuid` of the access token.
    pub(crate) access_id: String,
}

/// The refresh token is unknown, spent, or its session is dead.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("refresh token refused")]
pub(crate) struct Refused;

impl Sessions {
    /// Starts a session and returns its first refresh token: the code of the login page.
    pub(crate) fn start(&mut self, user: &str, issuer: Issuer) -> String {
        self.last_family += 1;
        let family = self.last_family;
        let entry = Family {
            user: user.to_owned(),
            issuer,
            alive: true,
        };
        self.families.insert(family, entry);
        self.issue(family, None)
    }

    /// Exchanges a refresh token. Without `rotate` it stays good and is returned itself.
    pub(crate) fn refresh(
        &mut self,
        token: &str,
        issuer: &Issuer,
        rotation: Rotation,
        rotate: bool,
    ) -> Result<Grant, Refused> {
        let (family, spent) = self
            .refresh
            .get(token)
            .map(|t| (t.family, t.spent))
            .ok_or(Refused)?;
        let session = self.families.get_mut(&family).ok_or(Refused)?;
        if !session.alive || session.issuer != *issuer {
            return Err(Refused);
        }
        if spent {
            // Somebody else has this token too; nobody can tell who is the thief.
            session.alive = rotation != Rotation::Strict;
            return Err(Refused);
        }
        let user = session.user.clone();
        self.spend_ancestors(token);
        let refresh_token = if rotate {
            if rotation == Rotation::Strict {
                self.spend(token);
            }
            self.issue(family, Some(token.to_owned()))
        } else {
            token.to_owned()
        };
        let access_id = random::uuid();
        self.access.insert(access_id.clone(), family);
        self.last_exchange = Some(Instant::now());
        Ok(Grant {
            user,
            refresh_token,
            access_id,
        })
    }

    /// The user whose session this access token belongs to, while both live.
    pub(crate) fn access(&self, access_id: &str) -> Option<&str> {
        let family = self.families.get(self.access.get(access_id)?)?;
        family.alive.then_some(family.user.as_str())
    }

    /// Kills the session a refresh token belongs to; an unknown token is nobody's.
    pub(crate) fn revoke_token(&mut self, token: &str) {
        let family = self.refresh.get(token).map(|t| t.family);
        if let Some(session) = family.and_then(|family| self.families.get_mut(&family)) {
            session.alive = false;
        }
    }

    /// Kills the sessions of one user, or of all, and returns how many.
    pub(crate) fn revoke(&mut self, user: Option<&str>) -> usize {
        let mut killed = 0;
        for session in self.families.values_mut() {
            if session.alive && user.is_none_or(|user| user == session.user) {
                session.alive = false;
                killed += 1;
            }
        }
        killed
    }

    /// Makes every access token issued so far outdated. Refresh tokens stay good.
    pub(crate) fn outdate_access_tokens(&mut self) {
        self.access.clear();
    }

    /// When a refresh token was last exchanged: from then on, in strict mode,
    /// the old one is worth nothing.
    pub(crate) fn last_exchange(&self) -> Option<Instant> {
        self.last_exchange
    }

    /// Number of live sessions.
    pub(crate) fn alive(&self) -> usize {
        self.families.values().filter(|family| family.alive).count()
    }

    fn issue(&mut self, family: u64, parent: Option<String>) -> String {
        let token = random::alphanumeric(TOKEN_LENGTH);
        self.refresh.insert(
            token.clone(),
            RefreshToken {
                family,
                parent,
                spent: false,
            },
        );
        token
    }

    fn spend(&mut self, token: &str) {
        if let Some(token) = self.refresh.get_mut(token) {
            token.spent = true;
        }
    }

    /// In grace mode the use of a token is what kills those it came from.
    fn spend_ancestors(&mut self, token: &str) {
        let parent_of = |sessions: &Self, token: &str| {
            sessions
                .refresh
                .get(token)
                .and_then(|token| token.parent.clone())
        };
        let mut parent = parent_of(self, token);
        while let Some(token) = parent {
            if self.refresh.get(&token).is_none_or(|token| token.spent) {
                break;
            }
            self.spend(&token);
            parent = parent_of(self, &token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refresh(
        sessions: &mut Sessions,
        token: &str,
        rotation: Rotation,
    ) -> Result<String, Refused> {
        let grant = sessions.refresh(token, &Issuer::Registry, rotation, true)?;
        Ok(grant.refresh_token)
    }

    #[test]
    fn strict_rotation_kills_the_family_on_reuse() {
        let mut sessions = Sessions::default();
        let code = sessions.start("alice", Issuer::Registry);
        let next = refresh(&mut sessions, &code, Rotation::Strict).unwrap();
        let newest = refresh(&mut sessions, &next, Rotation::Strict).unwrap();
        assert_eq!(
            refresh(&mut sessions, &next, Rotation::Strict),
            Err(Refused)
        );
        assert_eq!(
            refresh(&mut sessions, &newest, Rotation::Strict),
            Err(Refused)
        );
        assert_eq!(sessions.alive(), 0);
    }

    #[test]
    fn grace_keeps_the_old_token_until_the_new_one_is_used() {
        let mut sessions = Sessions::default();
        let code = sessions.start("alice", Issuer::Registry);
        let lost = refresh(&mut sessions, &code, Rotation::Grace).unwrap();
        let kept = refresh(&mut sessions, &code, Rotation::Grace).unwrap();
        assert_ne!(lost, kept);
        let next = refresh(&mut sessions, &kept, Rotation::Grace).unwrap();
        assert_eq!(refresh(&mut sessions, &code, Rotation::Grace), Err(Refused));
        assert!(
            refresh(&mut sessions, &next, Rotation::Grace).is_ok(),
            "the session lives on"
        );
    }

    #[test]
    fn revocation_ends_refresh_and_access_tokens() {
        let mut sessions = Sessions::default();
        let code = sessions.start("alice", Issuer::Registry);
        let other = sessions.start("bob", Issuer::Registry);
        let grant = sessions
            .refresh(&code, &Issuer::Registry, Rotation::Strict, true)
            .unwrap();
        assert_eq!(sessions.access(&grant.access_id), Some("alice"));
        assert_eq!(sessions.revoke(Some("alice")), 1);
        assert_eq!(sessions.access(&grant.access_id), None);
        assert!(refresh(&mut sessions, &grant.refresh_token, Rotation::Strict).is_err());
        assert!(refresh(&mut sessions, &other, Rotation::Strict).is_ok());
    }

    #[test]
    fn issuers_do_not_know_each_others_tokens() {
        let mut sessions = Sessions::default();
        let connect = Issuer::Connect {
            client: "c1".to_owned(),
        };
        let token = sessions.start("alice", connect.clone());
        assert_eq!(
            refresh(&mut sessions, &token, Rotation::Strict),
            Err(Refused)
        );
        assert!(
            sessions
                .refresh(&token, &connect, Rotation::Strict, false)
                .is_ok()
        );
        let again = sessions
            .refresh(&token, &connect, Rotation::Strict, false)
            .unwrap();
        assert_eq!(
            again.refresh_token, token,
            "without rotation the token stays"
        );
    }
}
