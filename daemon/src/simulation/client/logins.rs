//! People who log in and out, and set and clear keys.

use std::time::Duration;

use http::Method;
use serde_json::json;
use tokio::time::sleep;

use super::Client;
use crate::simulation::daemon::{Answer, Daemon};
use crate::simulation::model::Outcome;
use crate::simulation::stack::{KEY_USER, USERS, api_key, catalog};

impl Client {
    pub(in crate::simulation) async fn login(&mut self, daemon: &Daemon, site: usize) {
        let user = self.rng.pick(&USERS);
        self.login_as(daemon, site, user).await;
    }

    /// Somebody logs out, or clears the key, while somebody logs in or sets one.
    pub(super) async fn race(&mut self, daemon: &Daemon, site: usize) {
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

    pub(in crate::simulation) async fn login_as(
        &self,
        daemon: &Daemon,
        site: usize,
        user: &'static str,
    ) -> bool {
        let code = self.world.stacks().code(site, user);
        let deed = self.world.model().logins[site].begin(daemon.index, Some(user));
        let path = format!("/v1/session?catalog={}", catalog(site));
        let body = json!({ "code": &code });
        let answer = self.ask(daemon, (Method::POST, path, Some(body)), 62).await;
        let outcome = match answer.as_ref().map(|answer| answer.code.as_str()) {
            Some("") => Outcome::Done,
            Some("stack_unreachable" | "stack_invalid" | "stack_refused" | "login_required") => {
                Outcome::Nothing
            }
            Some("clock_skew") | None => Outcome::Unknown,
            Some("store_failed") if self.world.is_store_troubled() => Outcome::Pending,
            Some("internal") if daemon.is_stopping() => Outcome::Unknown,
            Some(other) => {
                let detail = answer.as_ref().map(|answer| &answer.detail);
                self.world.breach(format!("no login: {other} {detail:?}"));
                Outcome::Unknown
            }
        };
        let refusals = self.world.stacks().refusals_before(site, &code);
        if !self.world.model().logins[site].end(deed, outcome, refusals) {
            self.world
                .breach("a login said that it was done, which a logout had ended");
        }
        outcome == Outcome::Done
    }

    pub(super) async fn logout(&self, daemon: &Daemon, site: usize) {
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
            Some(answer) if answer.code == "store_failed" && self.world.is_store_troubled() => {
                Outcome::Unknown
            }
            Some(answer) if !daemon.is_stopping() => {
                let Answer { code, detail, .. } = answer;
                self.world
                    .breach(format!("nothing was ended: {code} {detail}"));
                Outcome::Unknown
            }
            _ => Outcome::Unknown,
        }
    }

    pub(in crate::simulation) async fn set_key(&self, daemon: &Daemon, site: usize) -> bool {
        let index = daemon.index;
        let deed = self.world.model().keys[index][site].begin(index, Some(KEY_USER));
        let path = format!("/v1/session/api-key?catalog={}", catalog(site));
        let body = json!({ "key": api_key(site) });
        let answer = self.ask(daemon, (Method::PUT, path, Some(body)), 22).await;
        let outcome = match answer.as_ref().map(|answer| answer.code.as_str()) {
            Some("") => Outcome::Done,
            None => Outcome::Unknown,
            Some("store_failed") if self.world.is_store_troubled() => Outcome::Unknown,
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

    pub(super) async fn clear_key(&self, daemon: &Daemon, site: usize) {
        let index = daemon.index;
        let deed = self.world.model().keys[index][site].begin(index, None);
        let path = format!("/v1/session/api-key?catalog={}", catalog(site));
        let answer = self.ask(daemon, (Method::DELETE, path, None), 4).await;
        let outcome = self.ended(daemon, answer.as_ref());
        self.world.model().keys[index][site].end(deed, outcome, 0);
    }
}
