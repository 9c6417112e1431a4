//! What every answer is held against.

use std::collections::BTreeSet;

use quilt_proto::Timestamp;

use super::daemon::{Answer, Daemon};
use super::model::{FORGIVEN, Model, Variant, Who};
use super::stack::{Issue, KEY_USER};
use super::world::World;

/// What was known when somebody began to ask.
pub(super) struct Look {
    site: usize,
    login: u64,
    key: u64,
    settings: usize,
    roles: [(usize, &'static str, u64); 3],
}

/// Who may be meant.
pub(super) struct Allowed {
    pub(super) logins: BTreeSet<Who>,
    pub(super) keys: BTreeSet<Who>,
}

impl Allowed {
    pub(super) fn is_user(&self, user: &str) -> bool {
        let is = |who: &Who| *who == Some(user);
        self.keys.iter().any(is) || self.keys.contains(&None) && self.logins.iter().any(is)
    }

    /// Whether there may be nobody at all.
    fn is_nobody(&self) -> bool {
        self.keys.contains(&None) && self.logins.contains(&None)
    }
}

impl Look {
    pub(super) fn begin(world: &World, daemon: &Daemon, site: usize) -> Self {
        let mut model = world.model();
        let least = |model: &Model, user| model.least_version(daemon.index, site, user);
        let roles = [super::stack::USERS[0], super::stack::USERS[1], KEY_USER];
        Self {
            site,
            roles: roles.map(|user| (site, user, least(&model, user))),
            login: model.logins[site].look(),
            key: model.keys[daemon.index][site].look(),
            settings: model.settings.len() - 1,
        }
    }

    pub(super) fn end(&self, world: &World, daemon: &Daemon) -> Allowed {
        let mut model = world.model();
        Allowed {
            logins: model.logins[self.site].looked(self.login),
            keys: model.keys[daemon.index][self.site].looked(self.key),
        }
    }

    /// The least version that a user's role may have.
    fn least(&self, user: &str) -> u64 {
        let known = self.roles.iter().find(|(_, of, _)| *of == user);
        known.map_or(0, |(_, _, least)| *least)
    }

    /// What the settings have said since.
    pub(super) fn settings(&self, world: &World) -> Vec<Variant> {
        world.model().settings[self.settings..].to_vec()
    }
}

/// AWS credentials somebody was given, or why they may not be.
pub(super) fn credentials(
    world: &World,
    look: &Look,
    allowed: &Allowed,
    id: &str,
    at: Timestamp,
) -> Result<Issue, String> {
    let issue = world.stacks().issues.get(id).cloned();
    let issue = issue.ok_or_else(|| format!("credentials {id} that nobody issued"))?;
    if issue.expires <= at.unix() {
        return Err(format!("{issue:?} was given when it had expired, at {at}"));
    }
    if issue.site != look.site {
        return Err(format!("{issue:?} is of another stack than {}", look.site));
    }
    if !allowed.is_user(issue.user) {
        let Allowed { logins, keys } = allowed;
        return Err(format!(
            "{issue:?} is somebody else's: logins {logins:?}, keys {keys:?}"
        ));
    }
    let least = look.least(issue.user);
    if issue.version < least {
        return Err(format!(
            "{issue:?} is of an older role than version {least}"
        ));
    }
    Ok(issue)
}

/// Why somebody got nothing has to be true.
pub(super) fn problem(
    world: &World,
    daemon: &Daemon,
    look: &Look,
    allowed: &Allowed,
    answer: &Answer,
) -> Result<(), String> {
    let is_stopping = daemon.is_stopping();
    let calm = world.calm(look.site);
    let since = world.model().logins[look.site].refusals;
    let outdated = world.true_time().unix() - world.stacks().sites[look.site].outdated_at;
    let (refusals, key_refusals) = {
        let stacks = world.stacks();
        let site = &stacks.sites[look.site];
        (site.refusals, site.key_refusals)
    };
    let is_late = answer.was_held_up && matches!(answer.status, 503 | 504);
    let is_true = match answer.code.as_str() {
        "internal" => is_stopping,
        "login_required" => allowed.is_nobody(),
        "session_expired" => refusals > since,
        "invalid_api_key" => key_refusals > 0 && allowed.keys.contains(&Some(KEY_USER)),
        // Tokens that the stack gave and outdated again within a minute.
        "stack_unreachable" if answer.detail.contains("has just renewed the login") => {
            calm < FORGIVEN || outdated < FORGIVEN
        }
        "stack_unreachable" | "stack_invalid" | "stack_refused" | "aws_unreachable"
        | "aws_refused" | "aws_invalid" => calm < FORGIVEN || is_stopping || is_late,
        // The other daemon has the lock while it waits for the stack.
        "store_failed" if answer.detail.contains("does not let go") => {
            calm < FORGIVEN || world.is_store_troubled()
        }
        "store_failed" => world.is_store_troubled(),
        "clock_skew" => calm < FORGIVEN || world.was_set(),
        _ => false,
    };
    if is_true {
        return Ok(());
    }
    let Allowed { logins, keys } = allowed;
    let Answer {
        status,
        code,
        detail,
        ..
    } = answer;
    Err(format!(
        "not true, {calm} s after the last trouble: {status} {code} ({detail}), \
         logins {logins:?}, keys {keys:?}"
    ))
}
