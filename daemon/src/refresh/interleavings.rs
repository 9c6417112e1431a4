//! The refresher under shuttle: three callers, and somebody who publishes,
//! resets, kills and lets time pass, in every order that shuttle comes up with.
//!
//! Shuttle and not loom: what is to be explored are the orders of critical
//! sections and of awaits, not of memory accesses, of which there are none
//! outside the one lock; and loom knows no futures of others, while tokio's
//! channels run under shuttle as they are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use quilt_proto::Timestamp;
use shuttle::future::{JoinHandle, spawn, yield_now};
use shuttle::rand::{Rng, thread_rng};
use tokio_util::task::TaskTracker;

use super::single_flight::storm::hanging_up;
use super::{Expires, Failure, Policy, RefreshContext, RefreshError, Refresher, Source};
use crate::changes::Changes;
use crate::checked_sync::checked::{detached_so_far, under_check};
use crate::clock::Clock;
use crate::clock::manual::ManualClock;
use crate::metrics::RefreshMeter;

const CALLERS: usize = 3;
const ASKS: usize = 3;
const DEEDS: usize = 4;
const LONG: Duration = Duration::from_hours(1);

/// Random schedules, and schedules with few preemptions at chosen places,
/// which find what is rare.
const RANDOM: usize = 3000;
const CHOSEN: usize = 1500;

#[derive(Clone, Debug)]
struct Value {
    /// The event at which its fetch began, or it was published.
    began: u64,
    /// The published value it descends from, if any.
    line: Option<u64>,
    expires_at: Timestamp,
}

impl Expires for Value {
    fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

#[derive(Clone, Debug, thiserror::Error)]
#[error("{self:?}")]
struct Trouble {
    began: u64,
}

struct Upstream {
    clock: Arc<ManualClock>,
    events: AtomicU64,
    /// What is older is not given to anybody who asks from now on.
    floor: AtomicU64,
    /// Fetches under way, by the published value they are to replace.
    lines: Mutex<BTreeMap<u64, u64>>,
    /// Fetches that began to run, of those that were started since the first.
    begun: AtomicU64,
    started_before: u64,
    /// Killed, and nothing published since: how many fetches may still begin,
    /// because they were started before.
    killed: Mutex<Option<u64>>,
    breaks: bool,
}

impl Upstream {
    fn event(&self) -> u64 {
        self.events.fetch_add(1, SeqCst)
    }

    /// Fetches that were started and do not run yet.
    fn pending(&self) -> u64 {
        detached_so_far() - self.started_before - self.begun.load(SeqCst)
    }

    fn value(&self, began: u64, line: Option<u64>, seconds: i64) -> Value {
        Value {
            began,
            line,
            expires_at: self.clock.now().wall.plus_seconds(seconds),
        }
    }
}

fn chance(percent: u64) -> bool {
    thread_rng().gen_range(0..100u64) < percent
}

#[async_trait]
impl Source for Arc<Upstream> {
    type Value = Value;
    type Error = Trouble;

    async fn fetch(&self, held: Option<Value>) -> Result<Value, Failure<Trouble>> {
        self.begun.fetch_add(1, SeqCst);
        if let Some(left) = self.killed.lock().as_mut() {
            assert!(*left > 0, "fetched although killed");
            *left -= 1;
        }
        let line = held.and_then(|held| held.line);
        let began = self.event();
        if let Some(line) = line {
            let mut lines = self.lines.lock();
            let others = lines.entry(line).or_default();
            assert_eq!(*others, 0, "two fetches at once");
            *others += 1;
        }
        for _ in 0..thread_rng().gen_range(0..3u64) {
            yield_now().await;
        }
        if let Some(line) = line {
            *self.lines.lock().entry(line).or_default() -= 1;
        }
        match (self.breaks && chance(40), chance(30)) {
            (false, _) => Ok(self.value(began, line, 3600)),
            (true, false) => Err(Failure::Transient(Trouble { began })),
            (true, true) => Err(Failure::Refused(Trouble { began })),
        }
    }
}

struct World {
    upstream: Arc<Upstream>,
    refresher: Refresher<Arc<Upstream>>,
}

impl World {
    fn new(breaks: bool) -> Self {
        let clock = Arc::new(ManualClock::at(1_800_000_000));
        let upstream = Arc::new(Upstream {
            clock: Arc::clone(&clock),
            events: AtomicU64::new(1),
            floor: AtomicU64::new(0),
            lines: Mutex::default(),
            begun: AtomicU64::new(0),
            started_before: detached_so_far(),
            killed: Mutex::default(),
            breaks,
        });
        let context = RefreshContext {
            clock,
            tasks: TaskTracker::new(),
            meter: RefreshMeter::default(),
            changes: Changes::default(),
        };
        let refresher = Refresher::new(
            Arc::clone(&upstream),
            Policy::AWS_CREDENTIALS,
            Arc::new(context),
        );
        Self {
            upstream,
            refresher,
        }
    }

    fn publish(&self) {
        let up = &self.upstream;
        let (began, life) = (up.event(), if chance(50) { 3600 } else { 2 });
        *up.killed.lock() = None;
        self.refresher.publish(up.value(began, Some(began), life));
        up.floor.store(began, SeqCst);
    }

    fn reset(&self) {
        let up = &self.upstream;
        let began = up.event();
        *up.killed.lock() = None;
        self.refresher.reset();
        up.floor.store(began, SeqCst);
    }

    /// For good. Nothing that is asked for afterwards leads to a fetch.
    fn kill(&self) {
        let up = &self.upstream;
        let began = up.event();
        self.refresher.invalidate(Trouble { began });
        *up.killed.lock() = Some(up.pending());
        up.floor.store(began, SeqCst);
    }

    /// Everything ends by itself: shuttle must not cut it off.
    async fn over(self: Arc<Self>) {
        let inner = Arc::downgrade(&self.refresher.inner);
        drop(self);
        while inner.strong_count() > 0 {
            yield_now().await;
        }
    }

    async fn rage(&self, kills: bool) {
        for _ in 0..DEEDS {
            match thread_rng().gen_range(0..5u64) {
                0 => self.publish(),
                1 => self.reset(),
                2 if kills => self.kill(),
                3 => self.refresher.nudge(),
                _ => self
                    .upstream
                    .clock
                    .advance(thread_rng().gen_range(1..1500u64)),
            }
            yield_now().await;
        }
    }

    async fn ask(&self, refused: &mut u64) {
        let up = &self.upstream;
        let (floor, before) = (up.floor.load(SeqCst), up.clock.now().wall);
        let timeout = if chance(10) { Duration::ZERO } else { LONG };
        let polls = chance(25).then(|| thread_rng().gen_range(1..4u64));
        let turned_down = *refused;
        let is_replacing = chance(30);
        let answer = if is_replacing {
            let other = |value: &Value| value.began == turned_down;
            hanging_up(polls, self.refresher.replace(other, timeout)).await
        } else {
            hanging_up(polls, self.refresher.value(timeout)).await
        };
        match answer {
            None => {}
            Some(Ok(value)) => {
                assert!(value.began >= floor, "{value:?} is from before {floor}");
                let left = value.expires_at.seconds_since(before);
                assert!(left > 0, "{value:?} was given at {before}");
                assert!(
                    !is_replacing || value.began != turned_down,
                    "{value:?} again"
                );
                *refused = value.began;
            }
            Some(Err(RefreshError::Source(trouble))) => {
                assert!(trouble.began >= floor, "{trouble:?} is from before {floor}");
            }
            Some(Err(RefreshError::Slow)) => assert_eq!(timeout, Duration::ZERO),
            Some(Err(RefreshError::Interrupted)) => panic!("nothing was interrupted"),
        }
    }
}

/// Three callers and a world, to the end of all of them: one that is never
/// answered is a deadlock, which shuttle reports.
async fn scene(breaks: bool, kills: bool) {
    let world = Arc::new(World::new(breaks));
    let raging: JoinHandle<()> = {
        let world = Arc::clone(&world);
        spawn(async move { world.rage(kills).await })
    };
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let world = Arc::clone(&world);
            spawn(async move {
                let mut refused = 0;
                for _ in 0..ASKS {
                    world.ask(&mut refused).await;
                    yield_now().await;
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    raging.await.unwrap();
    world.over().await;
}

/// The same in many orders.
fn explore<F: Future<Output = ()> + 'static>(scene: fn() -> F) {
    let body = move || shuttle::future::block_on(scene());
    under_check(|| {
        shuttle::check_random(body, RANDOM);
        shuttle::check_pct(body, CHOSEN, 3);
    });
}

#[test]
fn whoever_goes_first_everybody_gets_what_is_new_enough() {
    explore(|| scene(false, false));
}

#[test]
fn whoever_goes_first_failures_reach_only_those_who_waited() {
    explore(|| scene(true, false));
}

#[test]
fn whoever_goes_first_nothing_is_fetched_after_a_kill() {
    explore(|| scene(true, true));
}

#[test]
fn whoever_goes_first_who_asks_during_a_reset_gets_what_came_after_it() {
    explore(|| async {
        let world = Arc::new(World::new(false));
        let asking = {
            let world = Arc::clone(&world);
            spawn(async move {
                let floor = world.upstream.floor.load(SeqCst);
                let value = world.refresher.value(LONG).await.unwrap();
                assert!(value.began >= floor, "{value:?} is from before {floor}");
            })
        };
        world.reset();
        asking.await.unwrap();
        world.over().await;
    });
}

/// That a race would be found: two who look and then do.
#[test]
fn a_race_is_found() {
    let race = || {
        explore(|| async {
            let count = Arc::new(crate::checked_sync::Mutex::new(0));
            let tasks: Vec<_> = (0..2)
                .map(|_| {
                    let count = Arc::clone(&count);
                    spawn(async move {
                        let seen = *count.lock();
                        *count.lock() = seen + 1;
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(*count.lock(), 2);
        });
    };
    assert!(std::panic::catch_unwind(race).is_err());
}
