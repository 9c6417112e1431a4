//! The mechanism under a manual clock, scripted sources and hostile callers.

mod refused;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::*;
use crate::clock::Clock;
use crate::clock::manual::ManualClock;

const NOW: i64 = 1_800_000_000;
const LONG: Duration = Duration::from_hours(1);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Value {
    serial: usize,
    expires_at: Timestamp,
}

impl Expires for Value {
    fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

/// Answers by script (then with hour-long values), each time it gets a permit.
struct Scripted {
    clock: Arc<ManualClock>,
    calls: AtomicUsize,
    waiting: AtomicUsize,
    gate: Semaphore,
    script: Mutex<VecDeque<Step>>,
}

enum Step {
    Live(i64),
    Fail(Failure<String>),
    Panic,
}

#[async_trait]
impl Source for Arc<Scripted> {
    type Value = Value;
    type Error = String;

    async fn fetch(&self, _held: Option<Value>) -> Result<Value, Failure<String>> {
        let serial = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        self.waiting.fetch_add(1, Ordering::SeqCst);
        self.gate.acquire().await.unwrap().forget();
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        let step = self.script.lock().pop_front().unwrap_or(Step::Live(3600));
        match step {
            Step::Live(life) => Ok(Value {
                serial,
                expires_at: self.clock.now().wall.plus_seconds(life),
            }),
            Step::Fail(failure) => Err(failure),
            Step::Panic => panic!("scripted"),
        }
    }

    /// In the error's own words: "wait 120".
    fn retry_after(error: &String) -> Option<u32> {
        error.strip_prefix("wait ")?.parse().ok()
    }
}

struct World {
    clock: Arc<ManualClock>,
    source: Arc<Scripted>,
    refresher: Arc<Refresher<Arc<Scripted>>>,
}

impl World {
    /// A source that may answer `permits` times before it hangs.
    fn new(permits: usize, script: Vec<Step>) -> Self {
        let clock = Arc::new(ManualClock::at(NOW));
        let source = Arc::new(Scripted {
            clock: Arc::<ManualClock>::clone(&clock),
            calls: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            gate: Semaphore::new(permits),
            script: Mutex::new(script.into()),
        });
        let refresher = Refresher::new(
            Arc::clone(&source),
            Policy::AWS_CREDENTIALS,
            Arc::new(RefreshContext {
                clock: Arc::<ManualClock>::clone(&clock),
                tasks: TaskTracker::new(),
                meter: RefreshMeter::default(),
                changes: Changes::default(),
            }),
        );
        Self {
            clock,
            source,
            refresher: Arc::new(refresher),
        }
    }

    fn calls(&self) -> usize {
        self.source.calls.load(Ordering::SeqCst)
    }

    fn script(&self, step: Step) {
        self.source.script.lock().push_back(step);
    }

    async fn value(&self) -> Result<Value, RefreshError<String>> {
        self.refresher.value(LONG).await
    }

    /// Lets every task that can run do so.
    async fn settle(&self) {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn five_hundred_cold_callers_share_one_fetch() {
    let world = World::new(0, vec![]);
    let callers = (0..500).map(|_| {
        let refresher = Arc::clone(&world.refresher);
        tokio::spawn(async move { refresher.value(LONG).await })
    });
    let callers: Vec<_> = callers.collect();
    world.settle().await;
    world.source.gate.add_permits(1);
    for answer in join_all(callers).await {
        assert_eq!(answer.unwrap().unwrap().serial, 1);
    }
    assert_eq!(world.calls(), 1);
}

#[tokio::test]
async fn a_caller_that_hangs_up_loses_nothing() {
    let world = World::new(0, vec![]);
    let refresher = Arc::clone(&world.refresher);
    let first = tokio::spawn(async move { refresher.value(LONG).await });
    world.settle().await;
    first.abort();
    world.settle().await;
    world.source.gate.add_permits(1);
    assert_eq!(world.value().await.unwrap().serial, 1);
    assert_eq!(world.calls(), 1);
}

#[tokio::test]
async fn it_is_replaced_ahead_of_time_without_being_asked() {
    let world = World::new(10, vec![]);
    world.value().await.unwrap();
    world.clock.advance(1800);
    world.settle().await;
    assert_eq!(world.calls(), 2);
    assert_eq!(world.value().await.unwrap().serial, 2);
}

#[tokio::test]
async fn a_source_that_wants_to_be_left_alone_is_for_so_long_and_no_longer() {
    for (said, left_alone) in [("wait 120", 120), ("wait 4294967295", 300), ("wait 0", 1)] {
        let world = World::new(10, vec![Step::Fail(Failure::Transient(said.into()))]);
        world.value().await.unwrap_err();
        // However many ask, and the schedule may pause longer.
        for _ in 1..left_alone {
            world.clock.advance(1);
            world.value().await.unwrap_err();
            world.settle().await;
            assert_eq!(world.calls(), 1, "{said}");
        }
        world.clock.advance(1);
        world.value().await.unwrap();
        assert_eq!(world.calls(), 2, "{said}");
    }
    // Without a word of it, whoever asks is soon served.
    let world = World::new(10, vec![Step::Fail(Failure::Transient("down".into()))]);
    world.value().await.unwrap_err();
    world.clock.advance(1);
    world.value().await.unwrap();
}

#[tokio::test]
async fn a_valid_value_survives_failures_and_expires_all_the_same() {
    let failures = (0..200).map(|_| Step::Fail(Failure::Transient("down".into())));
    let world = World::new(
        500,
        std::iter::once(Step::Live(3600)).chain(failures).collect(),
    );
    world.value().await.unwrap();
    world.clock.advance(3000);
    assert_eq!(world.value().await.unwrap().serial, 1);
    world.clock.advance(598);
    assert_eq!(world.value().await.unwrap().serial, 1);
    world.clock.advance(1);
    assert_eq!(
        world.value().await,
        Err(RefreshError::Source("down".into()))
    );
}

#[tokio::test]
async fn once_the_source_delivers_again_nothing_stale_is_handed_out() {
    let failures = (0..30).map(|_| Step::Fail(Failure::Transient("down".into())));
    let world = World::new(
        500,
        std::iter::once(Step::Live(3600)).chain(failures).collect(),
    );
    world.value().await.unwrap();
    world.clock.advance(2500);
    while !world.source.script.lock().is_empty() {
        assert_eq!(world.value().await.unwrap().serial, 1);
        world.clock.advance(1);
    }
    world.clock.advance(1);
    assert!(world.value().await.unwrap().serial > 30);
}

#[tokio::test]
async fn a_hanging_source_is_waited_for_once() {
    let world = World::new(1, vec![]);
    world.value().await.unwrap();
    world.clock.advance(2500);
    assert_eq!(
        world.refresher.value(Duration::ZERO).await.unwrap().serial,
        1
    );
    world.clock.advance(3);
    // With an hour of patience: comes back only because it does not wait.
    assert_eq!(world.value().await.unwrap().serial, 1);
    world.source.gate.add_permits(1);
    world.settle().await;
    assert_eq!(world.value().await.unwrap().serial, 2);
}

#[tokio::test]
async fn a_slow_source_does_not_hold_up_a_valid_value() {
    let world = World::new(1, vec![]);
    world.value().await.unwrap();
    world.clock.advance(3000);
    let answer = world.refresher.value(Duration::from_millis(10)).await;
    assert_eq!(answer.unwrap().serial, 1);
}

#[tokio::test]
async fn while_the_source_delivers_nothing_stale_is_handed_out() {
    let world = World::new(1, vec![]);
    world.value().await.unwrap();
    world.clock.advance(2401);
    world.source.gate.add_permits(1);
    assert_eq!(world.value().await.unwrap().serial, 2);
}

#[tokio::test]
async fn a_definite_refusal_evicts_and_is_not_asked_again() {
    let world = World::new(
        10,
        vec![
            Step::Live(3600),
            Step::Fail(Failure::Definite("revoked".into())),
        ],
    );
    world.value().await.unwrap();
    world.clock.advance(2500);
    for _ in 0..5 {
        assert_eq!(
            world.value().await,
            Err(RefreshError::Source("revoked".into()))
        );
    }
    assert_eq!(world.calls(), 2);
    world.clock.advance(100_000);
    world.settle().await;
    assert_eq!(world.calls(), 2);
    world.refresher.reset();
    assert_eq!(world.value().await.unwrap().serial, 3);
}

#[tokio::test]
async fn failures_are_retried_by_the_schedule_with_growing_pauses() {
    let failures = (0..1000).map(|_| Step::Fail(Failure::Transient("down".into())));
    let world = World::new(
        5000,
        std::iter::once(Step::Live(360_000))
            .chain(failures)
            .collect(),
    );
    world.value().await.unwrap();
    world.clock.advance(180_000);
    for _ in 0..3600 {
        world.settle().await;
        world.clock.advance(1);
    }
    // Pauses settle at 150 s on average; far from one a second, far from none.
    let attempts = world.calls() - 1;
    assert!(
        (12..120).contains(&attempts),
        "{attempts} attempts in an hour"
    );
}

#[tokio::test]
async fn a_reset_during_a_fetch_keeps_its_value_out() {
    let world = World::new(0, vec![]);
    let refresher = Arc::clone(&world.refresher);
    let first = tokio::spawn(async move { refresher.value(LONG).await });
    world.settle().await;
    world.refresher.reset();
    world.source.gate.add_permits(1);
    first.await.unwrap().unwrap();
    assert_eq!(world.refresher.snapshot().value, None);
}

#[tokio::test]
async fn a_crashing_fetch_is_an_error_and_the_next_one_works() {
    let world = World::new(10, vec![Step::Panic]);
    assert_eq!(world.value().await, Err(RefreshError::Interrupted));
    assert_eq!(world.value().await.unwrap().serial, 2);
}

#[tokio::test]
async fn a_clock_set_back_does_not_revive_the_dead() {
    let world = World::new(1, vec![]);
    world.value().await.unwrap();
    world.clock.set_wall_by(-7200);
    world.clock.advance(3600);
    let answer = world.refresher.value(Duration::from_millis(10)).await;
    assert_eq!(answer, Err(RefreshError::Slow));
}

#[tokio::test]
async fn waking_from_suspend_refreshes_at_once() {
    let world = World::new(10, vec![]);
    world.value().await.unwrap();
    world.clock.advance(8 * 3600);
    world.settle().await;
    assert_eq!(world.calls(), 2);
}

#[tokio::test]
async fn replacing_a_refused_value_fetches_once_for_everyone() {
    let world = World::new(10, vec![]);
    let first = world.value().await.unwrap();
    let refused = |value: &Value| value.serial == first.serial;
    let answers = join_all((0..20).map(|_| world.refresher.replace(refused, LONG))).await;
    assert!(
        answers
            .into_iter()
            .all(|answer| answer.unwrap().serial == 2)
    );
    assert_eq!(world.calls(), 2);
}

#[tokio::test]
async fn values_that_are_dead_on_arrival_do_not_make_a_busy_loop() {
    let world = World::new(1000, (0..500).map(|_| Step::Live(0)).collect());
    world.value().await.unwrap();
    for _ in 0..10 {
        world.settle().await;
        world.clock.advance(1);
    }
    assert!(world.calls() <= 12, "{} calls in 10 s", world.calls());
}

/// What may happen to a refresher, in any order.
#[derive(Clone, Debug)]
enum Event {
    Ask,
    AskAndHangUp,
    Advance(u64),
    SetWall(i64),
    Let(usize),
    Reset,
    Fail,
    Refuse,
}

fn event() -> impl proptest::strategy::Strategy<Value = Event> {
    use proptest::prelude::*;
    prop_oneof![
        4 => Just(Event::Ask),
        2 => Just(Event::AskAndHangUp),
        3 => (1u64..2000).prop_map(Event::Advance),
        1 => (-4000i64..4000).prop_map(Event::SetWall),
        4 => (1usize..3).prop_map(Event::Let),
        1 => Just(Event::Reset),
        2 => Just(Event::Fail),
        1 => Just(Event::Refuse),
    ]
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(200))]

    /// Whatever happens: one fetch at a time a generation, and nothing dead is
    /// handed out, by either clock.
    #[test]
    fn in_any_order_of_events_nothing_dead_is_handed_out(
        events in proptest::collection::vec(event(), 1..60)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(live_through(events));
    }
}

async fn live_through(events: Vec<Event>) {
    let world = World::new(0, vec![]);
    let mut resets = 0;
    let mut asking = Vec::new();
    for event in events {
        match event {
            Event::Ask | Event::AskAndHangUp => {
                let (refresher, clock) = (Arc::clone(&world.refresher), Arc::clone(&world.clock));
                let task = tokio::spawn(async move {
                    // No patience: what is handed out is judged at this very moment.
                    if let Ok(value) = refresher.value(Duration::ZERO).await {
                        assert!(clock.now().wall < value.expires_at, "handed out dead");
                    }
                });
                if matches!(event, Event::AskAndHangUp) {
                    task.abort();
                } else {
                    asking.push(task);
                }
            }
            Event::Advance(seconds) => world.clock.advance(seconds),
            Event::SetWall(seconds) => world.clock.set_wall_by(seconds),
            Event::Let(fetches) => world.source.gate.add_permits(fetches),
            Event::Reset => {
                world.refresher.reset();
                resets += 1;
            }
            Event::Fail => world.script(Step::Fail(Failure::Transient("down".into()))),
            Event::Refuse => world.script(Step::Fail(Failure::Definite("no".into()))),
        }
        world.settle().await;
        let waiting = world.source.waiting.load(Ordering::SeqCst);
        assert!(waiting <= 1 + resets, "{waiting} fetches at once");
    }
    for task in asking {
        task.await.unwrap();
    }
}
