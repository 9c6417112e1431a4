//! Two stacks and AWS: who there is, what was issued to whom, and what was used
//! twice. Answers at once; what becomes of an answer is the wire's doing.

use std::collections::{BTreeMap, BTreeSet};

use quilt_proto::Timestamp;
use serde_json::{Value, json};

use super::fault::{Endpoint, Fault, Trouble};

/// Seconds that access tokens and AWS credentials live.
pub(super) const LIFE: i64 = 3600;

/// Stacks there are.
pub(super) const SITES: usize = 2;

/// People with logins. The last one only ever has an API key.
pub(super) const USERS: [&str; 2] = ["alice", "bob"];
pub(super) const KEY_USER: &str = "carol";

/// The roles everybody has.
pub(super) const ROLES: [&str; 2] = ["Reader", "Writer"];

/// The catalog of a stack.
pub(super) fn catalog(site: usize) -> String {
    format!("http://127.0.0.1:{}", 7001 + site)
}

/// The registry of a stack.
pub(super) fn registry(site: usize) -> String {
    format!("http://127.0.0.1:{}", 7101 + site)
}

/// The API key of a stack's [`KEY_USER`].
pub(super) fn api_key(site: usize) -> String {
    format!("qk_abcdefghijklmnop{site}")
}

/// Somebody's role, and how often it was switched.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Active {
    pub(super) role: usize,
    pub(super) version: u64,
}

/// A login: a line of refresh tokens.
#[derive(Clone, Debug)]
struct Family {
    user: &'static str,
    refresh: String,
    previous: Option<String>,
    /// Whether a daemon that lives has `refresh`.
    delivered: bool,
    /// Whether it is known why none has.
    lost: bool,
}

#[derive(Clone, Debug)]
struct Access {
    family: usize,
    expires: i64,
}

/// AWS credentials that were issued.
#[derive(Clone, Debug)]
pub(super) struct Issue {
    pub(super) site: usize,
    pub(super) user: &'static str,
    pub(super) version: u64,
    pub(super) expires: i64,
    /// The role that was assumed with them, if any was.
    pub(super) arn: Option<String>,
}

#[derive(Default)]
pub(super) struct Site {
    /// A refresh token is void as soon as it was used.
    pub(super) strict: bool,
    users: BTreeMap<&'static str, Active>,
    codes: BTreeMap<String, &'static str>,
    /// How often the token endpoint had said no when a code was spent.
    spent: BTreeMap<String, u64>,
    families: Vec<Family>,
    access: BTreeMap<String, Access>,
    /// How often the token endpoint said no in its own voice.
    pub(super) refusals: u64,
    /// When it last did.
    pub(super) refused_at: i64,
    /// The same for what was asked with an API key.
    pub(super) key_refusals: u64,
    /// When anything last went wrong.
    pub(super) troubled_at: i64,
    /// When it last knew its access tokens no more.
    pub(super) outdated_at: i64,
}

#[derive(Default)]
pub(super) struct Stacks {
    pub(super) sites: [Site; SITES],
    pub(super) issues: BTreeMap<String, Issue>,
    pub(super) troubles: Vec<Trouble>,
    pub(super) calls: BTreeMap<(usize, Endpoint), u64>,
    /// Refresh tokens that were used although their successor had arrived.
    pub(super) used_twice: u64,
    /// Refresh tokens that were used although an answer with their successor
    /// was on its way, and nobody had lost it.
    pub(super) unread: u64,
    /// Credentials are somebody else's, which is to be found out.
    pub(super) mixes: bool,
    serial: u64,
}

pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: String,
    /// The refresh token in it.
    pub(super) grants: Option<String>,
}

impl Reply {
    pub(super) fn new(status: u16, body: &(impl ToString + ?Sized)) -> Self {
        Self {
            status,
            body: body.to_string(),
            grants: None,
        }
    }
}

impl Stacks {
    pub(super) fn next(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// A code for the login page of somebody.
    pub(super) fn code(&mut self, site: usize, user: &'static str) -> String {
        let code = format!("code{}", self.next());
        self.sites[site].codes.insert(code.clone(), user);
        code
    }

    pub(super) fn active(&self, site: usize, user: &str) -> Active {
        self.sites[site]
            .users
            .get(user)
            .copied()
            .unwrap_or_default()
    }

    /// No access token issued so far is good any more.
    pub(super) fn outdate(&mut self, site: usize, now: i64) {
        self.sites[site].outdated_at = now;
        for access in self.sites[site].access.values_mut() {
            access.expires = 0;
        }
    }

    /// How often the stack had said no when it took a code, which may be long
    /// before whoever logs in with it is told so: a refusal since then may be of
    /// that login.
    pub(super) fn refusals_before(&self, site: usize, code: &str) -> u64 {
        let site = &self.sites[site];
        site.spent.get(code).copied().unwrap_or(site.refusals)
    }

    /// Whose a bearer token is.
    pub(super) fn user_of(&self, site: usize, token: &str) -> Option<&'static str> {
        if token == api_key(site) {
            return Some(KEY_USER);
        }
        let site = &self.sites[site];
        let access = site.access.get(token)?;
        Some(site.families[access.family].user)
    }

    /// Whether a refresh token is as good as any.
    pub(super) fn would_accept(&self, site: usize, token: &str) -> bool {
        let site = &self.sites[site];
        let is_good = |family: &Family| {
            family.refresh == token || !site.strict && family.previous.as_deref() == Some(token)
        };
        site.families.iter().any(is_good)
    }

    /// A daemon has got the refresh token.
    pub(super) fn delivered(&mut self, site: usize, token: &str) {
        for family in &mut self.sites[site].families {
            if family.refresh == token {
                family.delivered = true;
            }
        }
    }

    /// Whatever a daemon got that was not stored before it was killed is lost.
    pub(super) fn crashed(&mut self, stored: &BTreeSet<String>) {
        for family in self.sites.iter_mut().flat_map(|site| &mut site.families) {
            family.delivered &= stored.contains(&family.refresh);
            family.lost |= !family.delivered;
        }
    }

    /// An answer with a refresh token does not arrive.
    pub(super) fn lost(&mut self, token: &str) {
        for family in self.sites.iter_mut().flat_map(|site| &mut site.families) {
            family.lost |= family.refresh == token;
        }
    }

    pub(super) fn answer(
        &mut self,
        (site, at): (usize, Endpoint),
        fault: Option<Fault>,
        bearer: Option<&str>,
        body: &[u8],
        now: Timestamp,
    ) -> Reply {
        let now = now.unix();
        match at {
            Endpoint::Config => Reply::new(
                200,
                &json!({"registryUrl": registry(site), "region": "eu-west-1"}),
            ),
            Endpoint::Token => self.exchange(site, fault, body, now),
            Endpoint::Credentials => self.credentials(site, fault, bearer, now),
            Endpoint::Graphql => self.graphql(site, bearer, body, now),
            Endpoint::Sts => self.assume_role(fault, bearer, body, now),
        }
    }

    fn exchange(&mut self, site: usize, fault: Option<Fault>, body: &[u8], now: i64) -> Reply {
        let form: BTreeMap<String, String> =
            url::form_urlencoded::parse(body).into_owned().collect();
        let token = form.get("refresh_token").cloned().unwrap_or_default();
        let serial = self.next();
        let here = &mut self.sites[site];
        let family = if let Some(user) = here.codes.remove(&token) {
            here.spent.insert(token, here.refusals);
            here.families.push(Family {
                user,
                refresh: String::new(),
                previous: None,
                delivered: false,
                lost: false,
            });
            here.families.len() - 1
        } else {
            let strict = here.strict;
            let found = here.families.iter().position(|family| {
                family.refresh == token || family.previous.as_ref() == Some(&token)
            });
            let Some(found) = found.filter(|at| !strict || here.families[*at].refresh == token)
            else {
                if let Some(family) = found.map(|at| &here.families[at]) {
                    self.used_twice += u64::from(family.delivered);
                    self.unread += u64::from(!family.delivered && !family.lost);
                }
                here.refused(now);
                return Reply::new(400, &json!({"message": "Invalid refresh token"}));
            };
            here.families[found].previous = Some(token);
            found
        };
        let (refresh, access) = (format!("refresh{serial}"), format!("access.{serial}.token"));
        here.families[family].refresh.clone_from(&refresh);
        here.families[family].delivered = false;
        here.families[family].lost = false;
        let life = if fault == Some(Fault::Dead) { -5 } else { LIFE };
        let expires = now + life;
        here.access
            .insert(access.clone(), Access { family, expires });
        let mut sent = refresh.clone();
        if fault == Some(Fault::Huge) {
            // As much as an answer may be.
            sent += &"x".repeat((4 << 20) - 150);
        }
        Reply {
            grants: Some(refresh),
            ..Reply::new(
                200,
                &json!({"access_token": access, "refresh_token": sent, "expires_at": expires}),
            )
        }
    }

    pub(super) fn caller(
        &self,
        site: usize,
        bearer: Option<&str>,
        now: i64,
    ) -> Result<&'static str, Reply> {
        let token = bearer.and_then(|it| it.strip_prefix("Bearer "));
        let token = token.unwrap_or_default();
        let access = self.sites[site].access.get(token);
        let is_over = access.is_some_and(|access| access.expires <= now);
        self.user_of(site, token)
            .filter(|_| !is_over)
            .ok_or_else(|| {
                let said = json!({"message": "Outdated access token: please log in again"});
                Reply::new(401, &said)
            })
    }

    fn graphql(&mut self, site: usize, bearer: Option<&str>, body: &[u8], now: i64) -> Reply {
        let caller = match self.caller(site, bearer, now) {
            Ok(caller) => caller,
            Err(refusal) => return refusal,
        };
        let asked: Value = serde_json::from_slice(body).unwrap();
        if asked["operationName"] == "apiKeysList" {
            return Reply::new(200, &json!({"data": {"me": {"apiKeys": []}}}));
        }
        if asked["operationName"] == "switchRole" {
            let wanted = asked["variables"]["roleName"].as_str().unwrap_or_default();
            let Some(role) = ROLES.iter().position(|role| *role == wanted) else {
                let refused = json!({"__typename": "OperationError", "message": "no such role",
                    "name": "x", "context": {}});
                return Reply::new(200, &json!({"data": {"switchRole": refused}}));
            };
            let active = self.sites[site].users.entry(caller).or_default();
            active.role = role;
            active.version += 1;
        }
        let role = ROLES[self.active(site, caller).role];
        let me = json!({
            "__typename": "Me", "name": caller, "email": format!("{}@x.example", caller),
            "isAdmin": false, "role": {"name": role},
            "roles": ROLES.map(|name| json!({"name": name})),
        });
        Reply::new(200, &json!({"data": {"me": me, "switchRole": me}}))
    }
}

impl Site {
    pub(super) fn refused(&mut self, now: i64) {
        self.refusals += 1;
        self.refused_at = now;
    }
}
