//! What happens around the daemons while they live: trouble, clocks that are
//! set, a lid that is closed, freezes, crashes, stops, a second daemon.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use super::client::Client;
use super::daemon::Daemon;
use super::fault::{Endpoint, Fault, Trouble};
use super::model::{DAEMONS, Outcome};
use super::random::Rng;
use super::stack::{KEY_USER, SITES, api_key, catalog};
use super::world::{FREEZE, World};
use crate::keys::unchecked_key;

/// People and programs at work at a time.
const CLIENTS: usize = 5;

/// The daemons of a machine.
pub(super) struct Machine {
    pub(super) world: Arc<World>,
    daemons: Mutex<[Option<Arc<Daemon>>; DAEMONS]>,
    is_over: AtomicBool,
    /// One role is switched at a time.
    pub(super) switching: tokio::sync::Mutex<()>,
}

/// How a life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The power goes.
    Crash,
    /// SIGTERM.
    Stop,
}

impl Machine {
    pub(super) async fn start(world: &Arc<World>) -> Arc<Self> {
        let first = Daemon::start(world, 0).await;
        Arc::new(Self {
            world: Arc::clone(world),
            daemons: Mutex::new([Some(first), None]),
            is_over: AtomicBool::new(false),
            switching: tokio::sync::Mutex::default(),
        })
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(SeqCst)
    }

    pub(super) fn at(&self, index: usize) -> Option<Arc<Daemon>> {
        self.daemons.lock()[index].clone()
    }

    /// One that takes requests.
    pub(super) fn daemon(&self, rng: &mut Rng) -> Option<Arc<Daemon>> {
        let wanted = usize::from(rng.percent(40));
        self.at(wanted).or_else(|| self.at(1 - wanted))
    }

    /// A registry on the disk.
    pub(super) fn packages(&self) -> String {
        let root = self.world.dir.path().join("packages");
        let pointers = root.join(".quilt/named_packages/team/data");
        if !pointers.exists() {
            std::fs::create_dir_all(&pointers).unwrap();
            std::fs::write(pointers.join("latest"), "a".repeat(64)).unwrap();
        }
        format!("file://{}", root.display())
    }

    fn take(&self, index: usize) -> Option<Arc<Daemon>> {
        self.daemons.lock()[index].take()
    }

    async fn start_second(&self) {
        let second = Daemon::start(&self.world, 1).await;
        self.daemons.lock()[1] = Some(second);
    }

    pub(super) async fn stop(&self, index: usize) {
        let Some(daemon) = self.take(index) else {
            return;
        };
        daemon.stop(&self.world).await;
        self.world.model().killed(index);
    }

    fn kill(&self, index: usize) {
        let Some(daemon) = self.take(index) else {
            return;
        };
        daemon.kill(&self.world);
        self.world.model().killed(index);
        self.world.crashed();
    }

    async fn end(&self, end: End) {
        self.is_over.store(true, SeqCst);
        self.world.note(format!("the life ends: {end:?}"));
        for index in 0..DAEMONS {
            match end {
                End::Stop => self.stop(index).await,
                End::Crash => self.kill(index),
            }
        }
    }

    /// The daemon is started with a key, as services are.
    pub(super) fn hand_key(&self, site: usize) {
        let Some(daemon) = self.at(0) else { return };
        let key = api_key(site).parse().unwrap();
        let session = daemon.app.session(Some(&catalog(site))).unwrap();
        unchecked_key::set(&daemon.app.keys, &session, &key, None);
        let place = &mut self.world.model().keys[0][site];
        let deed = place.begin(0, Some(KEY_USER));
        place.end(deed, Outcome::Done, 0);
    }
}

/// Daemons live for a while, and end.
pub(super) async fn life(world: &Arc<World>, rng: &mut Rng) -> End {
    let clock = world.begin();
    let machine = Machine::start(world).await;
    if rng.percent(25) {
        machine.hand_key(rng.index(SITES));
    }
    for name in 0..CLIENTS {
        tokio::spawn(Client::new(name, &machine, rng.fork()).live());
    }
    let ends = Instant::now() + Duration::from_secs(60 * rng.between(3, 30));
    while Instant::now() < ends && !world.is_broken() {
        sleep(Duration::from_millis(rng.between(1000, 90_000))).await;
        happen(world, &machine, rng).await;
    }
    if rng.percent(80) {
        rotate_slowly(world, &machine, rng).await;
    }
    if clock.passed().wall_off != 0 {
        world.set_now();
        clock.set_wall_off(0);
    }
    let end = rng.pick(&[End::Crash, End::Stop]);
    machine.end(end).await;
    world.end();
    end
}

async fn happen(world: &Arc<World>, machine: &Arc<Machine>, rng: &mut Rng) {
    let clock = world.clock();
    match rng.below(100) {
        0..50 => trouble(world, rng),
        50..58 => {
            rotate_slowly(world, machine, rng).await;
            if rng.percent(50) {
                world.disturb();
                tokio::time::advance(FREEZE).await;
            }
        }
        58..62 => {
            let off = rng.pick(&[-86_400, -600, 600, 86_400, 0, 0]);
            world.note(format!("the wall clock is off by {off} s"));
            world.set_now();
            clock.set_wall_off(off);
        }
        62..66 => {
            let slept = rng.pick(&[30, 600, 8 * 3600]);
            world.note(format!("the machine sleeps for {slept} s"));
            world.disturb();
            world.sleep(Duration::from_secs(slept));
        }
        66..72 => {
            world.note(format!("everything freezes for {} s", FREEZE.as_secs()));
            world.disturb();
            tokio::time::advance(FREEZE).await;
        }
        72..82 if machine.at(1).is_none() => machine.start_second().await,
        72..76 => machine.stop(1).await,
        76..82 => machine.kill(1),
        82..86 => {
            // Restarted at once: a role or key of before is none of its own.
            machine.stop(0).await;
            let again = Daemon::start(world, 0).await;
            machine.daemons.lock()[0] = Some(again);
        }
        86..89 => {
            world.fill_disk();
            let (world, lasts) = (Arc::clone(world), rng.pick(&[10, 60, 300]));
            tokio::spawn(async move {
                sleep(Duration::from_secs(lasts)).await;
                world.clear_disk();
            });
        }
        89..93 => {
            world.hold_lock(rng);
            let (world, lasts) = (Arc::clone(world), rng.pick(&[1, 10, 60, 300]));
            tokio::spawn(async move {
                sleep(Duration::from_secs(lasts)).await;
                world.let_go();
            });
        }
        93..95 => {
            let off = 100 * 86_400;
            world.note(format!("the wall clock is off by {off} s for a moment"));
            world.set_now();
            clock.set_wall_off(off);
            sleep(Duration::from_millis(2500)).await;
            world.set_now();
            clock.set_wall_off(0);
        }
        95..98 => {
            let site = rng.index(SITES);
            world.trouble(Trouble {
                site,
                at: Endpoint::Token,
                fault: Fault::Huge,
                percent: 100,
                until: world.true_time().unix() + 60,
            });
            world.stacks().outdate(site, world.true_time().unix());
        }
        _ => {}
    }
}

/// The stack knows its access tokens no more, and takes its time for new ones.
/// Whoever asks has gone by then.
async fn rotate_slowly(world: &Arc<World>, machine: &Arc<Machine>, rng: &mut Rng) {
    let Some(daemon) = machine.at(0) else { return };
    for site in 0..SITES {
        world.trouble(Trouble {
            site,
            at: Endpoint::Token,
            fault: rng.pick(&[
                Fault::Slow(14),
                Fault::Slow(14),
                Fault::Late(4),
                Fault::Lost,
            ]),
            percent: 100,
            until: world.true_time().unix() + 20,
        });
        world.stacks().outdate(site, world.true_time().unix());
        let daemon = Arc::clone(&daemon);
        tokio::spawn(async move {
            let session = daemon.app.session(Some(&catalog(site))).unwrap();
            let _ = session.me(Duration::from_secs(3)).await;
        });
    }
    let longest = rng.pick(&[4_000, 14_000]);
    sleep(Duration::from_millis(rng.below(longest))).await;
}

fn trouble(world: &World, rng: &mut Rng) {
    let at = rng.pick(&Endpoint::ALL);
    let fault = Fault::any(rng);
    let fits = match fault {
        Fault::Huge => matches!(at, Endpoint::Token | Endpoint::Credentials),
        Fault::Nobody => at == Endpoint::Graphql,
        _ => true,
    };
    if !fits {
        return;
    }
    let site = match at {
        Endpoint::Sts => 0,
        _ => rng.index(SITES),
    };
    let lasts = rng.pick(&[2, 10, 60, 300, 1200]);
    world.trouble(Trouble {
        site,
        at,
        fault,
        percent: rng.pick(&[30, 100, 100]),
        until: world.true_time().unix() + lasts,
    });
}
