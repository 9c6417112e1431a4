//! The rights of programs to a registry, which outlive the daemon.

use http::Method;

use super::Client;
use crate::grant::{Life, Right};
use crate::simulation::daemon::{Daemon, endpoint};
use crate::simulation::model::{Held, Standing};
use crate::simulation::stack::catalog;

/// What programs have been told.
const PORT: u16 = 7300;

/// The daemon that programs are led to.
const HOME: usize = 0;

impl Client {
    /// Somebody sets a program up: a right that replaces an older one.
    pub(super) async fn wire_up(&self, daemon: &Daemon, site: usize) {
        if daemon.index != HOME {
            return;
        }
        let right = Right::Registry {
            catalog: catalog(site).parse().unwrap(),
            without_api_keys: false,
        };
        let grants = &daemon.app.grants;
        // Whatever becomes of this one.
        self.world.model().doubt(site);
        let issued = grants.issue(right, Life::Persistent, |port| {
            Ok(endpoint(port.unwrap_or(PORT)))
        });
        let issued = issued.await;
        if daemon.is_dead() {
            return;
        }
        match issued {
            Ok(issued) => {
                self.world.note(format!("a right to {site}"));
                let mut model = self.world.model();
                model.doubt(site);
                model.held.push(Held {
                    id: issued.id,
                    token: issued.token.expose().to_owned(),
                    site,
                    standing: Standing::Good,
                });
            }
            Err(_) if self.world.is_store_troubled() || daemon.is_stopping() => {
                self.world.note("no right");
            }
            Err(error) => self.world.breach(format!("no right: {error}")),
        }
    }

    /// Every right opens what it should, and one that was taken back nothing.
    pub(in crate::simulation) fn use_rights(&self, daemon: &Daemon) {
        if daemon.is_stopping() || self.world.was_set() {
            return;
        }
        let held = self.world.model().held.clone();
        for right in held {
            let opens = daemon.app.grants.open(&right.token).is_some();
            let is_true = match right.standing {
                Standing::Good => opens || daemon.index != HOME,
                Standing::Ended => !opens,
                Standing::Unsure => true,
            };
            if !is_true {
                self.world.breach(format!(
                    "right {} is {:?}, and opens: {opens}",
                    right.id, right.standing
                ));
            }
        }
    }

    /// Somebody takes a right back.
    pub(super) async fn take_back(&mut self, daemon: &Daemon) {
        let held = self.world.model().held.clone();
        if held.is_empty() {
            return;
        }
        let right = &held[self.rng.index(held.len())];
        if right.standing != Standing::Ended {
            self.world.model().stands(&right.id, Standing::Unsure);
        }
        let path = format!("/v1/aws/grants/{}", right.id);
        let answer = self.ask(daemon, (Method::DELETE, path, None), 16).await;
        let Some(answer) = answer else { return };
        if answer.is_ok() {
            self.world.model().stands(&right.id, Standing::Ended);
        }
        let is_true = match answer.code.as_str() {
            "" => true,
            "not_found" => daemon.index != HOME || right.standing != Standing::Good,
            _ => self.world.is_store_troubled() || daemon.is_stopping(),
        };
        if !is_true {
            let (code, detail) = (&answer.code, &answer.detail);
            let what = format!("right {} is not taken back: {code} {detail}", right.id);
            self.world.breach(what);
        }
        if daemon.app.grants.open(&right.token).is_some() && answer.code != "not_found" {
            self.world.breach("a right that was taken back opens");
        }
    }
}
