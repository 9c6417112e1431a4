//! Who a login or a key turned out to be, and who was there before.

use std::time::Duration;

use quilt_proto::wire::{Me, SessionUser};
use quilt_proto::{ApiKeySecret, Secret};

use super::{Session, TrustedRegistry};
use crate::stack::StackConfig;
use crate::token_store::{CatalogPatch, KeptUser};

/// How long a login or key waits for the stack to say whose it is. It stands
/// without.
pub const WHOSE_TIMEOUT: Duration = Duration::from_secs(8);

/// Why it was not waited for longer.
pub const SLOW: &str = "the stack takes too long to answer";

/// The longest name that is remembered, in characters.
const MAX_NAME: usize = 200;

/// A login or key that was taken up.
#[derive(Clone, Debug)]
pub struct LoginOutcome {
    /// Whose it is, or why the stack could not be asked.
    pub me: Result<Me, String>,
    /// Who was there before, if that was somebody else.
    pub previous: Option<String>,
    /// What the catalog said of itself, where it was asked.
    pub published: Option<StackConfig>,
    /// It is an API key.
    pub is_key: bool,
}

impl Session {
    /// Who this session is, or where nobody is logged in, who was last.
    pub async fn last_user(&self) -> Option<String> {
        let known = self
            .dependencies
            .store
            .known_catalog(&self.catalog)
            .await
            .ok()?;
        let info = self.api_key().info();
        let state = self.state.lock();
        match (&info, &state.login) {
            (Some(info), _) => info.me.as_ref().map(LoginOutcome::name),
            (None, Some(_)) => known.login_user,
            (None, None) => known.last_user,
        }
    }

    /// Asks the stack whose a login is that was just taken up.
    pub(super) async fn login_outcome(
        &self,
        trusted: &TrustedRegistry,
        token: &Secret,
        so_far: Option<String>,
    ) -> LoginOutcome {
        let asked = self.dependencies.stack.me(trusted.registry(), token);
        let me = match tokio::time::timeout(WHOSE_TIMEOUT, asked).await {
            Ok(me) => me.map_err(|error| error.to_string()),
            Err(_) => Err(SLOW.to_owned()),
        };
        self.remember_user(me.as_ref().ok().map(LoginOutcome::name), true);
        LoginOutcome {
            previous: me
                .as_ref()
                .ok()
                .and_then(|me| LoginOutcome::other_than(me, so_far)),
            me,
            published: Some(trusted.published().clone()),
            is_key: false,
        }
    }

    /// The same for a key of which the stack has said whose it is, or not.
    pub fn key_outcome(
        &self,
        me: Result<Me, String>,
        so_far: Option<String>,
        trusted: Option<&TrustedRegistry>,
    ) -> LoginOutcome {
        if let Ok(me) = &me {
            self.remember_user(Some(LoginOutcome::name(me)), false);
        }
        LoginOutcome {
            previous: me
                .as_ref()
                .ok()
                .and_then(|me| LoginOutcome::other_than(me, so_far)),
            me,
            published: trusted.map(|trusted| trusted.published().clone()),
            is_key: true,
        }
    }

    /// Remembers whose the stored login is, as the stack has just said.
    pub fn remember_login_user(&self, me: &Me) {
        self.remember_user(Some(LoginOutcome::name(me)), true);
    }

    /// Keeps whose this session is, as the stack has just said, for the next
    /// daemon; forgets it where nobody is known. Nobody waits for the disk.
    pub fn keep_user(&self, user: Option<SessionUser>) {
        let kept = user.zip(self.fingerprint()).map(|(mut user, session)| {
            user.name = bounded(&user.name);
            user.role = user.role.as_deref().map(bounded);
            KeptUser { session, user }
        });
        {
            let mut state = self.state.lock();
            let is_news = |before: &KeptUser| {
                let seen_at = before.user.seen_at;
                kept.clone().is_none_or(|mut kept| {
                    kept.user.seen_at = seen_at;
                    kept != *before
                })
            };
            // When it was said again is not worth a write each time.
            if !state.user.as_ref().map_or(kept.is_some(), is_news) {
                return;
            }
            state.user.clone_from(&kept);
        }
        self.learn(CatalogPatch {
            user: Some(kept),
            ..CatalogPatch::default()
        });
    }

    /// Whose this session was when the stack last said so, where it is the same
    /// one since.
    pub fn kept_user(&self) -> Option<SessionUser> {
        let session = self.fingerprint()?;
        let kept = self.state.lock().user.clone()?;
        (kept.session == session).then_some(kept.user)
    }

    /// Whether the stack, which says who this is, said another role the last time:
    /// it was switched elsewhere, as on the catalog's page.
    pub fn has_other_role(&self, me: &Me) -> bool {
        let before = self.kept_user().and_then(|user| user.role);
        let now = me.role.as_deref().map(bounded);
        before.is_some() && now.is_some() && before != now
    }

    /// Tells this session from those of others, also after a restart: the key by
    /// what the stack shows of it, the login by its number and how often its
    /// role was switched.
    fn fingerprint(&self) -> Option<String> {
        if let Some(secret) = self.api_key.secret() {
            let key: ApiKeySecret = secret.expose().parse().ok()?;
            return Some(key.fingerprint());
        }
        let state = self.state.lock();
        let login = state.login.as_ref()?;
        Some(format!("{} {}", login.id, login.role_switches))
    }

    fn remember_user(&self, user: Option<String>, is_login: bool) {
        self.learn(CatalogPatch {
            last_user: user.clone(),
            login_user: is_login.then_some(user),
            ..CatalogPatch::default()
        });
    }
}

impl LoginOutcome {
    /// A user's name, as it is remembered.
    pub fn name(me: &Me) -> String {
        bounded(&me.name)
    }

    /// Who it was so far, if that was somebody else.
    fn other_than(me: &Me, so_far: Option<String>) -> Option<String> {
        so_far.filter(|so_far| *so_far != LoginOutcome::name(me))
    }
}

fn bounded(name: &str) -> String {
    let shown = name.chars().filter(|c| !c.is_control());
    shown.take(MAX_NAME).collect()
}
