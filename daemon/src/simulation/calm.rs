//! Once all trouble has passed: everything recovers by itself, costs the stack
//! what it should and no more, and nothing is kept fresh for nobody.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::client::Client;
use super::daemon::Daemon;
use super::fault::{Endpoint, Fault};
use super::life::Machine;
use super::model::Variant;
use super::random::Rng;
use super::stack::{SITES, USERS, catalog};
use super::world::World;

/// Within which a key is good again once the trouble has passed.
const PROMISE: Duration = Duration::from_secs(45);

/// How long a login that the stack takes back may take to come back, in
/// minutes: what was refused is looked at ever more rarely.
const COMES_BACK: u64 = 12 * 60;

/// The stack that the calm is about.
const HERE: usize = 0;

pub(super) async fn calm(world: &Arc<World>, rng: &mut Rng) {
    world.begin();
    world.clear_troubles();
    world.note("all is calm from now on");
    let machine = Machine::start(world).await;
    let daemon = machine.at(0).unwrap();
    let mut scene = Scene {
        world,
        daemon,
        client: Client::new(9, &machine, rng.fork()),
    };
    scene.logins_are_there().await;
    scene.costs_are_bounded().await;
    scene.nobody_is_served_for_ever().await;
    scene.keys_heal().await;
    drop(scene);
    machine.stop(0).await;
    world.end();
}

struct Scene<'w> {
    world: &'w Arc<World>,
    daemon: Arc<Daemon>,
    client: Client,
}

impl Scene<'_> {
    async fn is_vended(&self, site: usize) -> bool {
        self.client.is_vended(&self.daemon, site).await
    }

    /// A login that the stack still accepts works, or does soon.
    async fn logins_are_there(&self) {
        for site in 0..SITES {
            let certain = self.world.model().logins[site].certain();
            let token = self.world.stored_token(site);
            let is_good = token.is_some_and(|it| self.world.stacks().would_accept(site, &it));
            let Some(Some(user)) = certain.filter(|_| is_good) else {
                continue;
            };
            let mut waited = 0;
            while !self.is_vended(site).await && !self.world.is_broken() {
                sleep(Duration::from_mins(1)).await;
                waited += 1;
                if waited > COMES_BACK {
                    let what = format!("{user} is not back at {site} after {COMES_BACK} min");
                    return self.world.breach(what);
                }
            }
        }
        self.client.status(&self.daemon).await;
    }

    async fn logged_in(&self) {
        for site in 0..SITES {
            if !self.client.login_as(&self.daemon, site, USERS[0]).await {
                self.world.breach("nobody can log in although all is well");
            }
        }
    }

    /// Two profiles that are asked for all the time, one of which is edited.
    async fn costs_are_bounded(&mut self) {
        const HOURS: u64 = 3;
        self.logged_in().await;
        let ats = [Endpoint::Token, Endpoint::Credentials, Endpoint::Sts];
        let before = ats.map(|at| self.world.calls(HERE, at));
        for minute in 0..HOURS * 60 {
            if minute == 0 || minute == 7 {
                let variant = Variant {
                    min_ttl: 20 + minute / 7,
                    lake: (HERE, 0),
                    has_plain: true,
                };
                self.world.write_settings(variant);
            }
            if minute % 5 == 0 {
                self.client.vend(&self.daemon, HERE, "default").await;
                self.client.vend_lake(&self.daemon).await;
            }
            sleep(Duration::from_mins(1)).await;
        }
        for (at, before) in ats.into_iter().zip(before) {
            let cost = self.world.calls(HERE, at) - before;
            // Replaced at half their life or a little earlier: up to 2.5 an hour.
            if cost > HOURS * 3 + 1 {
                self.world
                    .breach(format!("{cost} calls of {at:?} in {HOURS} h"));
            }
        }
    }

    /// The login is kept, and nothing else.
    async fn nobody_is_served_for_ever(&self) {
        const HOURS: u64 = 6;
        let ats = [Endpoint::Credentials, Endpoint::Sts];
        let before = ats.map(|at| self.world.calls(HERE, at));
        sleep(Duration::from_hours(HOURS)).await;
        for (at, before) in ats.into_iter().zip(before) {
            let cost = self.world.calls(HERE, at) - before;
            // Two each, for an hour; and a chain of roles asks for what it starts
            // from as long as it is kept itself.
            if cost > 6 {
                self.world
                    .breach(format!("{cost} calls of {at:?} in {HOURS} h for nobody"));
            }
        }
        if !self.is_vended(HERE).await {
            self.world
                .breach("who asks after an idle time gets nothing");
        }
        self.client.use_rights(&self.daemon);
    }

    fn trouble(&self, fault: Fault) {
        self.world.fail(
            HERE,
            &[Endpoint::Config, Endpoint::Graphql, Endpoint::Credentials],
            fault,
        );
    }

    /// A key that was refused, or could not be checked, works again by itself.
    async fn keys_heal(&self) {
        let (world, daemon) = (self.world, &self.daemon);
        if !self.client.set_key(daemon, HERE).await {
            world.breach("a key cannot be set although all is well");
        }
        self.trouble(Fault::Json(401));
        for _ in 0..2 {
            self.client.vend(daemon, HERE, "default").await;
        }
        self.client.me(daemon, HERE).await;
        world.clear_troubles();
        sleep(PROMISE).await;
        if !self.is_vended(HERE).await {
            world.breach("two refusals of a key that pass have ended it");
        }
        let session = daemon.app.session(Some(&catalog(HERE))).unwrap();
        daemon.app.keys.clear(&session);
        self.trouble(Fault::Page(403));
        self.client.machine.hand_key(HERE);
        sleep(2 * PROMISE).await;
        self.client.vend(daemon, HERE, "default").await;
        world.clear_troubles();
        sleep(PROMISE).await;
        if !self.is_vended(HERE).await {
            world.breach("a key of a start behind a firewall is not taken up");
        }
    }
}
