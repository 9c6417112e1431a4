//! People and programs: they vend, log in and out, switch roles, set and clear
//! keys, edit profiles, list packages, each at their own pace.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use quilt_proto::Timestamp;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::daemon::{Answer, Asked, Daemon};
use super::judge::{self, Look};
use super::life::Machine;
use super::model::{DAEMONS, Variant};
use super::random::Rng;
use super::stack::{KEY_USER, ROLES, SITES, USERS, catalog};
use super::world::World;

mod grants;
mod logins;
mod vends;

/// Somebody with things to do.
pub(super) struct Client {
    name: usize,
    world: Arc<World>,
    pub(super) machine: Arc<Machine>,
    rng: Rng,
}

const SECOND: Duration = Duration::from_secs(1);

impl Client {
    pub(super) fn new(name: usize, machine: &Arc<Machine>, rng: Rng) -> Self {
        Self {
            name,
            world: Arc::clone(&machine.world),
            machine: Arc::clone(machine),
            rng,
        }
    }

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
        let site = self.rng.index(SITES);
        match self.rng.below(100) {
            0..25 => self.vend(daemon, site, "default").await,
            25 => self.mistype(daemon).await,
            26 => self.wire_up(daemon, site).await,
            27..29 => self.use_rights(daemon),
            29 => self.take_back(daemon).await,
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
        // Without what is another in each run: directories and names of rights.
        let what = path.split("?registry").next().unwrap_or_default();
        let what = what.split_inclusive("/grants/").next().unwrap_or_default();
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
        // A login that could not be stored is kept until it can.
        let is_certain = self.world.model().logins[site].certain().is_some();
        if !is_certain || self.world.is_store_troubled() {
            return;
        }
        let session = daemon.app.session(Some(&catalog(site))).unwrap();
        let stored = self.world.stored();
        let record = &stored["sessions"][catalog(site)]["login_id"];
        if session.login_id().as_deref() != record.as_str() {
            self.world
                .breach(format!("memory and disk tell different stories of {site}"));
        }
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
            for index in 0..DAEMONS {
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
        if self.rng.percent(15) {
            // What was understood last stays in force.
            for daemon in (0..DAEMONS).filter_map(|index| self.machine.at(index)) {
                daemon.app.vault.follow_settings();
            }
            return self.world.misspell_settings();
        }
        let variant = Variant {
            min_ttl: self.rng.between(15, 25),
            lake: (self.rng.index(SITES), self.rng.below(2)),
            has_plain: self.rng.percent(80),
        };
        self.world.write_settings(variant);
    }

    /// Asks for a catalog that there is none of.
    async fn mistype(&mut self, daemon: &Daemon) {
        let port = 7010 + self.rng.below(80);
        let path = format!("/v1/me?catalog=http://127.0.0.1:{port}");
        let answer = self.ask(daemon, (Method::GET, path, None), 60).await;
        if answer.is_some_and(|answer| answer.is_ok()) {
            self.world.breach("somebody is at a catalog that is none");
        }
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
