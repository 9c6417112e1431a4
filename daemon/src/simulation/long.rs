//! A stack that is down for a day, and clocks that are not what they were.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::client::Client;
use super::daemon::Daemon;
use super::fault::{Endpoint, Fault};
use super::figures;
use super::life::Machine;
use super::random::{Rng, seed_jitter};
use super::stack::{LIFE, USERS};
use super::world::World;

const HERE: usize = 0;

/// The longest that anybody waits for what is fresh, on the virtual clock.
const PROMISE: Duration = Duration::from_secs(2);

struct Scene {
    world: Arc<World>,
    machine: Arc<Machine>,
    daemon: Arc<Daemon>,
    client: Client,
}

impl Scene {
    /// Somebody is logged in, and has AWS credentials.
    async fn new() -> Self {
        let mut rng = Rng::new(7);
        seed_jitter(7);
        let world = World::new(&mut rng);
        world.begin();
        let machine = Machine::start(&world).await;
        let daemon = machine.at(0).unwrap();
        let scene = Self {
            world,
            daemon,
            client: Client::new(0, &machine, rng),
            machine,
        };
        assert!(scene.client.login_as(&scene.daemon, HERE, USERS[0]).await);
        assert!(scene.is_vended().await);
        scene
    }

    async fn is_vended(&self) -> bool {
        self.client.is_vended(&self.daemon, HERE).await
    }

    fn calls(&self) -> [u64; 2] {
        [Endpoint::Token, Endpoint::Credentials].map(|at| self.world.calls(HERE, at))
    }

    fn go_down(&self, fault: Fault) {
        self.world.fail(HERE, &Endpoint::ALL, fault);
    }

    async fn end(self) {
        self.machine.stop(0).await;
        let breaches = self.world.seen().breaches.clone();
        assert!(breaches.is_empty(), "{breaches:#?}");
        self.world.end();
    }
}

#[tokio::test(start_paused = true)]
async fn while_a_stack_is_down_for_a_day_what_is_valid_is_served_to_its_end() {
    let mut told = Vec::new();
    for fault in [
        Fault::Refused,
        Fault::Json(503),
        Fault::Page(403),
        Fault::Hang,
    ] {
        let scene = Scene::new().await;
        scene.go_down(fault);
        let (before, began) = (scene.calls(), scene.world.true_time());
        let mut last = began;
        for _ in 0..24 * 60 {
            if scene.is_vended().await {
                last = scene.world.true_time();
            }
            sleep(Duration::from_mins(1)).await;
        }
        // Served until the minute in which they ended; never later, which the
        // judge of every answer sees to.
        let served = last.seconds_since(began);
        assert!(
            (LIFE - 70..LIFE).contains(&served),
            "{fault:?}: served for {served} s"
        );
        let [tokens, credentials] = scene.calls();
        let attempts = tokens - before[0] + credentials - before[1];
        // Those who ask cause one each, and the schedule no more than that.
        assert!(
            (1440..3 * 1440).contains(&attempts),
            "{fault:?}: {attempts} in a day"
        );
        told.push(format!("{attempts} by {fault:?}"));
        scene.world.clear_troubles();
        sleep(Duration::from_secs(2)).await;
        let asked = Instant::now();
        while !scene.is_vended().await {
            assert!(
                asked.elapsed() < Duration::from_secs(20),
                "{fault:?}: not back"
            );
            sleep(Duration::from_secs(1)).await;
        }
        scene.end().await;
    }
    let told = told.join(", ");
    let line = format!("A stack down for a day, asked for each minute: attempts {told}");
    figures::tell("down for a day", &line);
}

#[tokio::test(start_paused = true)]
async fn while_nobody_asks_a_stack_that_is_down_is_left_alone() {
    let scene = Scene::new().await;
    scene.go_down(Fault::Refused);
    let before = scene.calls();
    sleep(Duration::from_hours(24)).await;
    let attempts: u64 = scene.calls().iter().sum::<u64>() - before.iter().sum::<u64>();
    // A pause of up to 5 min after each.
    assert!((288..1000).contains(&attempts), "{attempts} in a day");
    let line = format!("The same, and nobody asks: {attempts} attempts");
    figures::tell("down for a day, nobody asks", &line);
    scene.world.clear_troubles();
    sleep(Duration::from_mins(6)).await;
    assert!(scene.is_vended().await, "it is not back");
    scene.end().await;
}

/// What happens to the machine's clocks.
#[derive(Clone, Copy, Debug)]
enum Jump {
    Wall(i64),
    Sleep(u64),
}

#[tokio::test(start_paused = true)]
async fn after_a_sleep_or_a_clock_that_is_set_it_is_fresh_within_two_seconds() {
    let jumps = [
        Jump::Wall(86_400),
        Jump::Wall(-86_400),
        Jump::Wall(600),
        Jump::Wall(-600),
        Jump::Sleep(8 * 3600),
        Jump::Sleep(1800),
    ];
    for jump in jumps {
        let scene = Scene::new().await;
        sleep(Duration::from_mins(20)).await;
        let clock = scene.world.clock();
        match jump {
            Jump::Wall(off) => {
                scene.world.set_now();
                clock.set_wall_off(off);
            }
            Jump::Sleep(slept) => clock.suspend(Duration::from_secs(slept)),
        }
        let asked = Instant::now();
        let vended = scene.is_vended().await;
        assert!(
            asked.elapsed() < PROMISE,
            "{jump:?}: after {:?}",
            asked.elapsed()
        );
        // By a clock that is a day ahead, whatever a stack gives is over.
        assert_eq!(vended, !matches!(jump, Jump::Wall(86_400)), "{jump:?}");
        // As long as it stays like this.
        for _ in 0..120 {
            sleep(Duration::from_mins(1)).await;
            scene.is_vended().await;
        }
        clock.set_wall_off(0);
        scene.world.set_now();
        sleep(Duration::from_secs(1)).await;
        let asked = Instant::now();
        assert!(scene.is_vended().await, "{jump:?}: not back");
        assert!(
            asked.elapsed() < PROMISE,
            "{jump:?}: back after {:?}",
            asked.elapsed()
        );
        scene.end().await;
    }
}
