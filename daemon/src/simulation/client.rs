//! People and programs: they vend, log in and out, switch roles, set and clear
//! keys, edit profiles, list packages, each at their own pace.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use quilt_proto::{ProfileName, Timestamp};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::daemon::{Answer, Asked, Daemon};
use super::judge::{self, FORGIVEN, Look};
use super::life::Machine;
use super::model::{Outcome, Variant};
use super::random::Rng;
use super::stack::{KEY_USER, ROLES, SITES, USERS, api_key, catalog};
use super::world::World;
use crate::credential::CredentialError;

/// Somebody with things to do.
pub(super) struct Client {
    pub(super) name: usize,
    pub(super) world: Arc<World>,
    pub(super) machine: Arc<Machine>,
    pub(super) rng: Rng,
}

/// What is given while all is well has more than this left, in seconds: the
/// least that a profile asks for here.
const FRESH: i64 = 15 * 60;

const SECOND: Duration = Duration::from_secs(1);

impl Client {
    /// Does things until there is no daemon any more.
    pub(super) async fn live(mut self) {
        while !self.world.is_broken() {
            let think = match self.rng.below(10) {
                0..4 => self.rng.below(50),
                4..9 => self.rng.between(500, 40_000),
                _ => self.rng.between(40_000, 400_000),
            };
            sleep(Duration::from_millis(think)).await;
            if self.machine.is_over() {
                return;
            }
            if let Some(daemon) = self.machine.daemon(&mut self.rng) {
                self.act(&daemon).await;
            }
        }
    }

    async fn act(&mut self, daemon: &Arc<Daemon>) {
        let site = usize::try_from(self.rng.below(SITES as u64)).unwrap();
        match self.rng.below(100) {
            0..30 => self.vend(daemon, site, "default").await,
            30..36 => self.vend(daemon, site, "plain").await,
            36..48 => self.vend_lake(daemon).await,
            48..56 => self.token(daemon, site).await,
            56..62 => self.me(daemon, site).await,
            62..68 => self.status(daemon).await,
            68..74 => self.login(daemon, site).await,
            74..78 => self.logout(daemon, site).await,
            78..80 => self.race(daemon, site).await,
            80..84 => drop(self.set_key(daemon, site).await),
            84..88 => self.clear_key(daemon, site).await,
            88..93 => self.switch(daemon, site).await,
            93..96 => self.edit(),
            96..98 => self.list(daemon).await,
            98 => self.profiles(daemon).await,
            _ => self.hold(daemon, site).await,
        }
    }

    fn said(&self, daemon: &Daemon, what: &str, answer: Option<&Answer>) {
        let said = answer.map_or_else(
            || "gone".to_owned(),
            |answer| format!("{} {}", answer.status, answer.code),
        );
        let (name, index) = (self.name, daemon.index);
        self.world
            .note(format!("client {name}, daemon {index}: {what}: {said}"));
    }

    async fn ask(
        &self,
        daemon: &Daemon,
        (method, path, body): (Method, String, Option<Value>),
        limit: u64,
    ) -> Option<Answer> {
        let what = path.split("?registry").next().unwrap_or_default();
        let what = format!("{method} {what}");
        let asked = Asked {
            method,
            path: &path,
            body,
            limit: SECOND * u32::try_from(limit).unwrap(),
        };
        let answer = daemon.ask(&self.world, asked).await;
        self.said(daemon, &what, answer.as_ref());
        answer
    }

    fn holds(&self, judged: Result<(), String>) {
        if let Err(what) = judged {
            self.world.breach(what);
        }
    }

    /// AWS credentials of a profile that is of the stack asked for.
    pub(super) async fn vend(&self, daemon: &Daemon, site: usize, profile: &str) {
        let look = Look::begin(&self.world, daemon, site);
        let path = format!(
            "/v1/aws/credentials?profile={profile}&catalog={}",
            catalog(site)
        );
        let answer = self.ask(daemon, (Method::GET, path, None), 4).await;
        let allowed = look.end(&self.world, daemon);
        let Some(answer) = answer else { return };
        let is_profile = |variant: &Variant| profile == "default" || variant.has_plain;
        let mut settings = look.settings(&self.world).into_iter();
        if answer.code == "not_found" {
            let is_true = !settings.all(|variant| is_profile(&variant));
            self.holds(
                is_true
                    .then_some(())
                    .ok_or_else(|| "the profile is there".to_owned()),
            );
        } else if answer.is_ok() {
            let (id, at) = (text(&answer.body, "AccessKeyId"), answer.at);
            let issue = judge::credentials(&self.world, &look, &allowed, &id, at);
            let issue = issue.and_then(|issue| match issue.arn {
                Some(arn) => Err(format!("{arn} was assumed for {profile}")),
                None => Ok(()),
            });
            self.world.seen().vends += 1;
            self.holds(issue);
            self.is_worth(&answer, at);
        } else {
            let problem = judge::problem(&self.world, daemon, &look, &allowed, &answer);
            self.holds(problem);
        }
    }

    /// What is given says itself when it ends, which is not now.
    fn is_worth(&self, answer: &Answer, at: Timestamp) {
        let ends: Option<Timestamp> =
            serde_json::from_value(answer.body["Expiration"].clone()).unwrap_or_default();
        let is_calm = (0..SITES).all(|site| self.world.calm(site) > FORGIVEN);
        let least = if is_calm && !self.world.was_set() {
            FRESH
        } else {
            0
        };
        if ends.is_none_or(|ends| ends.seconds_since(at) <= least) {
            self.world
                .breach(format!("credentials until {ends:?} were given at {at}"));
        }
    }

    /// AWS credentials of a profile that names stack and role.
    pub(super) async fn vend_lake(&self, daemon: &Daemon) {
        let looks = [0, 1].map(|site| Look::begin(&self.world, daemon, site));
        let path = "/v1/aws/credentials?profile=lake".to_owned();
        let answer = self.ask(daemon, (Method::GET, path, None), 4).await;
        let allowed = [0, 1].map(|site: usize| looks[site].end(&self.world, daemon));
        let Some(answer) = answer else { return };
        let meant = looks[0].settings(&self.world);
        if answer.is_ok() {
            let (id, at) = (text(&answer.body, "AccessKeyId"), answer.at);
            let issued = self
                .world
                .stacks()
                .issues
                .get(&id)
                .map_or(0, |issue| issue.site);
            let (look, allowed) = (&looks[issued], &allowed[issued]);
            let issue = judge::credentials(&self.world, look, allowed, &id, at);
            let issue = issue.and_then(|issue| {
                let is_meant = |variant: &Variant| {
                    variant.lake.0 == issue.site && issue.arn == Some(variant.arn())
                };
                let is_meant = meant.iter().any(is_meant);
                is_meant
                    .then_some(())
                    .ok_or_else(|| format!("{issue:?} is not what lake is: {meant:?}"))
            });
            self.world.seen().vends += 1;
            self.holds(issue);
            self.is_worth(&answer, at);
        } else {
            let judged = meant.iter().map(|variant| {
                let (look, allowed) = (&looks[variant.lake.0], &allowed[variant.lake.0]);
                judge::problem(&self.world, daemon, look, allowed, &answer)
            });
            let judged: Vec<_> = judged.collect();
            if !judged.iter().any(Result::is_ok) {
                self.holds(judged.into_iter().next().unwrap_or(Ok(())));
            }
        }
    }

    /// A right to what `lake` is at a stack, as grants have it.
    async fn hold(&self, daemon: &Daemon, site: usize) {
        let look = Look::begin(&self.world, daemon, site);
        daemon.app.follow_store().await;
        let session = daemon.app.session(Some(&catalog(site))).unwrap();
        let profile: ProfileName = "lake".parse().unwrap();
        let timeout = Duration::from_millis(900);
        let vended = daemon
            .app
            .vault
            .credentials(&session, &profile, timeout)
            .await;
        let allowed = look.end(&self.world, daemon);
        if daemon.is_dead() {
            return;
        }
        let meant = look.settings(&self.world);
        let judged = match vended {
            Ok(vended) => {
                let (id, at) = (vended.access_key_id.to_string(), self.world.wall());
                let issue = judge::credentials(&self.world, &look, &allowed, &id, at);
                issue.and_then(|issue| {
                    let is_meant = |variant: &Variant| {
                        variant.lake.0 == site && issue.arn == Some(variant.arn())
                    };
                    let is_meant = meant.iter().any(is_meant);
                    is_meant
                        .then_some(())
                        .ok_or_else(|| format!("{issue:?} is not what lake is: {meant:?}"))
                })
            }
            Err(CredentialError::OtherCatalog { .. }) => {
                let is_true = meant.iter().any(|variant| variant.lake.0 != site);
                is_true
                    .then_some(())
                    .ok_or_else(|| "lake is of that catalog".to_owned())
            }
            Err(_) => Ok(()),
        };
        self.world
            .note(format!("client {}: held right at {site}", self.name));
        self.holds(judged);
    }

    async fn token(&self, daemon: &Daemon, site: usize) {
        let look = Look::begin(&self.world, daemon, site);
        let path = format!("/v1/token?catalog={}", catalog(site));
        let answer = self.ask(daemon, (Method::GET, path, None), 13).await;
        let allowed = look.end(&self.world, daemon);
        let Some(answer) = answer else { return };
        if !answer.is_ok() {
            let problem = judge::problem(&self.world, daemon, &look, &allowed, &answer);
            return self.holds(problem);
        }
        let token = text(&answer.body, "token");
        let user = self.world.stacks().user_of(site, &token);
        let ends: Option<Timestamp> =
            serde_json::from_value(answer.body["expires_at"].clone()).unwrap_or_default();
        if ends.is_some_and(|ends| ends <= answer.at) {
            self.world
                .breach(format!("a token until {ends:?} was given at {}", answer.at));
        }
        if !user.is_some_and(|user| allowed.is_user(user)) {
            self.world
                .breach(format!("the token of {user:?} was given"));
        }
    }

    pub(super) async fn me(&self, daemon: &Daemon, site: usize) {
        let look = Look::begin(&self.world, daemon, site);
        let path = format!("/v1/me?catalog={}", catalog(site));
        let answer = self.ask(daemon, (Method::GET, path, None), 60).await;
        let allowed = look.end(&self.world, daemon);
        let Some(answer) = answer else { return };
        if answer.is_ok() {
            let name = text(&answer.body, "name");
            if !allowed.is_user(&name) {
                self.world.breach(format!("whoami says {name}"));
            }
        } else {
            let problem = judge::problem(&self.world, daemon, &look, &allowed, &answer);
            self.holds(problem);
        }
    }

    /// What is shown is so.
    pub(super) async fn status(&self, daemon: &Daemon) {
        let looks = [0, 1].map(|site| Look::begin(&self.world, daemon, site));
        let path = "/v1/status".to_owned();
        let answer = self.ask(daemon, (Method::GET, path, None), 3).await;
        let allowed = [0, 1].map(|site: usize| looks[site].end(&self.world, daemon));
        let Some(answer) = answer else { return };
        if !answer.is_ok() {
            return self
                .world
                .breach(format!("no status: {} {}", answer.code, answer.detail));
        }
        let catalogs = answer.body["catalogs"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        if catalogs.len() > SITES {
            self.world
                .breach(format!("{} catalogs are shown", catalogs.len()));
        }
        for (site, allowed) in allowed.iter().enumerate() {
            let shown = catalogs
                .iter()
                .find(|it| it["catalog_url"] == catalog(site));
            let Some(shown) = shown.map(|it| &it["session"]) else {
                continue;
            };
            let is_login =
                allowed.keys.contains(&None) && allowed.logins.iter().any(Option::is_some);
            let is_key = allowed.keys.contains(&Some(KEY_USER));
            self.is_one_story(daemon, site);
            let is_true = match (shown["kind"].as_str(), shown["state"].as_str()) {
                (Some("api_key"), _) => is_key,
                (Some("interactive"), Some("active" | "expired")) => is_login,
                (_, Some("logged_out")) => {
                    allowed.keys.contains(&None) && allowed.logins.contains(&None)
                }
                _ => false,
            };
            if !is_true {
                let (logins, keys) = (&allowed.logins, &allowed.keys);
                self.world.breach(format!(
                    "status says {shown}: logins {logins:?}, keys {keys:?}"
                ));
            }
        }
    }

    /// While nobody logs in or out, memory and disk tell the same.
    fn is_one_story(&self, daemon: &Daemon, site: usize) {
        if self.world.model().logins[site].certain().is_none() {
            return;
        }
        let session = daemon.app.session(Some(&catalog(site))).unwrap();
        let stored = self.world.stored();
        let record = &stored["sessions"][catalog(site)]["login_id"];
        if session.login_id().as_deref() != record.as_str() {
            self.world.breach("memory and disk tell different stories");
        }
    }

    pub(super) async fn login(&mut self, daemon: &Daemon, site: usize) {
        let user = self.rng.pick(&USERS);
        self.login_as(daemon, site, user).await;
    }

    /// Somebody logs out, or clears the key, while somebody logs in or sets one.
    async fn race(&mut self, daemon: &Daemon, site: usize) {
        let user = self.rng.pick(&USERS);
        let (is_key, is_clear) = (self.rng.percent(50), self.rng.percent(30));
        let later = Duration::from_millis(self.rng.below(600));
        let this: &Self = self;
        let begin = async {
            if is_key {
                this.set_key(daemon, site).await;
            } else {
                this.login_as(daemon, site, user).await;
            }
        };
        let end = async {
            sleep(later).await;
            if is_clear {
                this.clear_key(daemon, site).await;
            } else {
                this.logout(daemon, site).await;
            }
        };
        tokio::join!(begin, end);
    }

    pub(super) async fn login_as(&self, daemon: &Daemon, site: usize, user: &'static str) -> bool {
        let code = self.world.stacks().code(site, user);
        let deed = self.world.model().logins[site].begin(daemon.index, Some(user));
        let path = format!("/v1/session?catalog={}", catalog(site));
        let body = json!({ "code": code });
        let answer = self.ask(daemon, (Method::POST, path, Some(body)), 62).await;
        let outcome = match answer.as_ref().map(|answer| answer.code.as_str()) {
            Some("") => Outcome::Done,
            Some("stack_unreachable" | "stack_invalid" | "stack_refused" | "login_required") => {
                Outcome::Nothing
            }
            Some("clock_skew") | None => Outcome::Unknown,
            Some("internal") if daemon.is_stopping() => Outcome::Unknown,
            Some(other) => {
                let detail = answer.as_ref().map(|answer| &answer.detail);
                self.world.breach(format!("no login: {other} {detail:?}"));
                Outcome::Unknown
            }
        };
        let refusals = self.world.stacks().sites[site].refusals;
        if !self.world.model().logins[site].end(deed, outcome, refusals) {
            self.world
                .breach("a login said that it was done, which a logout had ended");
        }
        outcome == Outcome::Done
    }

    async fn logout(&self, daemon: &Daemon, site: usize) {
        let (login, key) = {
            let mut model = self.world.model();
            let login = model.logins[site].begin(daemon.index, None);
            (
                login,
                model.keys[daemon.index][site].begin(daemon.index, None),
            )
        };
        let path = format!("/v1/session?catalog={}", catalog(site));
        let answer = self.ask(daemon, (Method::DELETE, path, None), 12).await;
        let outcome = self.ended(daemon, answer.as_ref());
        let refusals = self.world.stacks().sites[site].refusals;
        let mut model = self.world.model();
        model.logins[site].end(login, outcome, refusals);
        model.keys[daemon.index][site].end(key, outcome, 0);
    }

    /// What became of ending something.
    fn ended(&self, daemon: &Daemon, answer: Option<&Answer>) -> Outcome {
        match answer {
            Some(answer) if answer.is_ok() => Outcome::Done,
            Some(answer) if !daemon.is_stopping() => {
                let Answer { code, detail, .. } = answer;
                self.world
                    .breach(format!("nothing was ended: {code} {detail}"));
                Outcome::Unknown
            }
            _ => Outcome::Unknown,
        }
    }

    pub(super) async fn set_key(&self, daemon: &Daemon, site: usize) -> bool {
        let index = daemon.index;
        let deed = self.world.model().keys[index][site].begin(index, Some(KEY_USER));
        let path = format!("/v1/session/api-key?catalog={}", catalog(site));
        let body = json!({ "key": api_key(site) });
        let answer = self.ask(daemon, (Method::PUT, path, Some(body)), 22).await;
        let outcome = match answer.as_ref().map(|answer| answer.code.as_str()) {
            Some("") => Outcome::Done,
            None => Outcome::Unknown,
            Some("internal" | "store_failed") if !daemon.is_stopping() => {
                self.world.breach("a key was not set, and nobody knows why");
                Outcome::Unknown
            }
            Some(_) => Outcome::Nothing,
        };
        if !self.world.model().keys[index][site].end(deed, outcome, 0) {
            self.world
                .breach("a key said that it was set, which a logout had ended");
        }
        outcome == Outcome::Done
    }

    async fn clear_key(&self, daemon: &Daemon, site: usize) {
        let index = daemon.index;
        let deed = self.world.model().keys[index][site].begin(index, None);
        let path = format!("/v1/session/api-key?catalog={}", catalog(site));
        let answer = self.ask(daemon, (Method::DELETE, path, None), 4).await;
        let outcome = self.ended(daemon, answer.as_ref());
        self.world.model().keys[index][site].end(deed, outcome, 0);
    }

    /// Switches the role. One at a time: which switch a role is from is not told.
    async fn switch(&mut self, daemon: &Daemon, site: usize) {
        let role = self.rng.pick(&ROLES);
        let machine = Arc::clone(&self.machine);
        let _alone = machine.switching.lock().await;
        let look = Look::begin(&self.world, daemon, site);
        let path = format!("/v1/me/role?catalog={}", catalog(site));
        let body = json!({ "role": role });
        let answer = self.ask(daemon, (Method::PUT, path, Some(body)), 75).await;
        let allowed = look.end(&self.world, daemon);
        let Some(answer) = answer else { return };
        // Also when the answer was lost, and the role is another one.
        for user in USERS.into_iter().chain([KEY_USER]) {
            if !allowed.is_user(user) || answer.code == "stack_refused" {
                continue;
            }
            let version = self.world.stacks().active(site, user).version;
            let mut model = self.world.model();
            // Other daemons learn of it where there is a login.
            let is_shared = answer.is_ok() && user != KEY_USER;
            for index in 0..super::model::DAEMONS {
                if is_shared || index == daemon.index {
                    model.switched(index, site, user, version);
                }
            }
        }
        if !answer.is_ok() {
            let problem = judge::problem(&self.world, daemon, &look, &allowed, &answer);
            self.holds(problem);
        }
    }

    fn edit(&mut self) {
        let variant = Variant {
            min_ttl: self.rng.between(15, 25),
            lake: (
                usize::try_from(self.rng.below(SITES as u64)).unwrap(),
                self.rng.below(2),
            ),
            has_plain: self.rng.percent(80),
        };
        self.world.write_settings(variant);
    }

    async fn list(&self, daemon: &Daemon) {
        let registry = self.machine.packages();
        let path = format!("/v1/packages?registry={registry}");
        let answer = self.ask(daemon, (Method::GET, path, None), 3).await;
        let Some(answer) = answer else { return };
        if answer.body != json!(["team/data"]) {
            self.world
                .breach(format!("packages: {} {}", answer.body, answer.detail));
        }
    }

    async fn profiles(&self, daemon: &Daemon) {
        let path = "/v1/profiles".to_owned();
        let answer = self.ask(daemon, (Method::GET, path, None), 9).await;
        if answer.as_ref().is_some_and(|answer| !answer.is_ok()) {
            self.world.breach("no profiles");
        }
    }
}

fn text(body: &Value, name: &str) -> String {
    body[name].as_str().unwrap_or_default().to_owned()
}
