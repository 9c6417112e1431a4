//! The one flight under real threads: callers that hang up at any poll, an
//! upstream that fails and crashes, and a world that publishes and resets
//! meanwhile. Every answer is held against what its caller may rely on.

mod upstream;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::Poll;

use futures_util::future::join_all;
use tokio::task::yield_now;

use self::upstream::{Trouble, Upstream, Value, Weather, below, life};
use tokio_util::task::TaskTracker;

use super::*;
use crate::changes::Changes;
use crate::clock::manual::ManualClock;
use crate::metrics::RefreshMeter;
use crate::refresh::{RefreshContext, Refresher};

const LONG: Duration = Duration::from_hours(1);
const CALLERS: usize = 12;
const ROUNDS: usize = 1500;

struct World {
    upstream: Arc<Upstream>,
    refresher: Refresher<Arc<Upstream>>,
    tasks: TaskTracker,
}

impl World {
    fn new(weather: Weather) -> Self {
        let clock = Arc::new(ManualClock::at(1_800_000_000));
        let upstream = Arc::new(Upstream::new(Arc::clone(&clock), weather));
        let tasks = TaskTracker::new();
        let refresher = Refresher::new(
            Arc::clone(&upstream),
            Policy::AWS_CREDENTIALS,
            Arc::new(RefreshContext {
                clock,
                tasks: tasks.clone(),
                meter: RefreshMeter::default(),
                changes: Changes::default(),
            }),
        );
        let world = Self {
            upstream,
            refresher,
            tasks,
        };
        world.publish(0);
        world
    }

    fn publish(&self, life: i64) {
        let now = self.upstream.event();
        self.refresher.publish(Value {
            began: now,
            ended: now,
            line: Some(now),
            expires_at: self.upstream.wall().plus_seconds(life),
        });
        self.upstream.floor.store(now, SeqCst);
    }

    fn reset(&self) {
        let now = self.upstream.event();
        self.refresher.reset();
        self.upstream.floor.store(now, SeqCst);
    }

    /// Time passes, but never during a fetch: how long one may hang is
    /// another test's subject.
    fn advance(&self) {
        let state = self.refresher.inner.state();
        if state.flight.is_none() {
            self.upstream.clock.advance(1 + below(900));
        }
    }

    async fn rage(&self, until: &AtomicBool) {
        let Weather {
            publishes, resets, ..
        } = self.upstream.weather;
        while !until.load(SeqCst) {
            match below(6) {
                0 if publishes => self.publish(life()),
                1 if resets => self.reset(),
                _ => self.advance(),
            }
            yield_now().await;
        }
    }

    /// The last event whose outcome everybody knows by now. Only a fetch under
    /// way may have ended before now and yet be news.
    fn newest(&self) -> u64 {
        let state = self.refresher.inner.state();
        if state.flight.is_none() {
            return self.upstream.event();
        }
        let held = state.cached.as_ref().map(|cached| cached.value.ended);
        let failed = state.last_error.as_ref().map(|trouble| trouble.ended);
        held.max(failed).unwrap_or_default()
    }

    /// Asks once; whether it waited for the answer.
    async fn ask(&self, refused: &mut u64) -> bool {
        let (up, replaces) = (&self.upstream, below(4) == 0);
        let (floor, before, asked) = (up.floor.load(SeqCst), up.wall(), self.newest());
        let timeout = if below(8) == 0 { Duration::ZERO } else { LONG };
        let polls = (below(3) == 0).then(|| below(8));
        let turned_down = *refused;
        let answer = if replaces {
            let other = |value: &Value| value.began == turned_down;
            hanging_up(polls, self.refresher.replace(other, timeout)).await
        } else {
            hanging_up(polls, self.refresher.value(timeout)).await
        };
        // Something old but valid is for those who cannot have better.
        let failed = up.failed_at.load(SeqCst) >= before.unix();
        let excused = failed || timeout.is_zero();
        match answer {
            None => return false,
            Some(Ok(value)) => {
                assert!(value.began >= floor, "{value:?} is from before {floor}");
                let left = value.expires_at.seconds_since(before);
                let usable = if replaces {
                    left > 1 && value.began != turned_down
                } else {
                    left > 20 * 60 || (left > 1 && excused)
                };
                assert!(usable || value.ended > asked, "{value:?} at {before}");
                *refused = value.began;
            }
            Some(Err(RefreshError::Source(trouble))) => {
                assert!(trouble.began >= floor, "{trouble:?} is from before {floor}");
                let known = trouble.definite || trouble.at >= before;
                assert!(known || trouble.ended > asked, "{trouble:?} at {before}");
            }
            Some(Err(RefreshError::Interrupted)) => {
                assert!(up.crashed.load(SeqCst) > asked, "nothing crashed");
            }
            Some(Err(RefreshError::Slow)) => assert_eq!(timeout, Duration::ZERO),
        }
        true
    }
}

/// Polls a future so many times, at once each time, then drops it.
pub(in crate::refresh) async fn hanging_up<F: Future>(
    mut polls: Option<u64>,
    future: F,
) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(
        |context| match (future.as_mut().poll(context), &mut polls) {
            (Poll::Ready(answer), _) => Poll::Ready(Some(answer)),
            (Poll::Pending, None) => Poll::Pending,
            (Poll::Pending, Some(0)) => Poll::Ready(None),
            (Poll::Pending, Some(left)) => {
                *left -= 1;
                context.waker().wake_by_ref();
                Poll::Pending
            }
        },
    )
    .await
}

/// Lives through it; how many calls it took to give how many answers.
async fn survive(weather: Weather) -> (usize, usize) {
    let world = Arc::new(World::new(weather));
    let over = Arc::new(AtomicBool::new(false));
    let raging = tokio::spawn({
        let (world, over) = (Arc::clone(&world), Arc::clone(&over));
        async move { world.rage(&over).await }
    });
    let callers = (0..CALLERS).map(|_| {
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            let (mut refused, mut answers) = (0, 0);
            for _ in 0..ROUNDS {
                answers += usize::from(world.ask(&mut refused).await);
                yield_now().await;
            }
            answers
        })
    });
    let callers: Vec<_> = callers.collect();
    let ended = tokio::time::timeout(Duration::from_mins(1), join_all(callers)).await;
    let answers = ended.expect("everybody gets an answer");
    let answers = answers.into_iter().map(Result::unwrap).sum();
    over.store(true, SeqCst);
    raging.await.unwrap();
    world.tasks.close();
    world.tasks.wait().await;
    let up = &world.upstream;
    assert_eq!(up.overlaps.load(SeqCst), 0, "two calls at once");
    (up.calls.load(SeqCst), answers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_all_is_well_everybody_shares_and_nothing_stale_is_given() {
    let (calls, answers) = survive(Weather::default()).await;
    assert!(calls > 100, "{calls} calls are no storm");
    assert!(answers > calls * 2, "{answers} answers of {calls} calls");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn failures_and_crashes_reach_only_those_who_waited() {
    let weather = Weather {
        breaks: true,
        ..Weather::default()
    };
    assert!(survive(weather).await.0 > 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_from_before_a_value_of_elsewhere_is_given_after_it() {
    let weather = Weather {
        breaks: true,
        publishes: true,
        resets: false,
    };
    assert!(survive(weather).await.0 > 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_from_before_a_reset_is_given_after_it() {
    let weather = Weather {
        breaks: true,
        publishes: true,
        resets: true,
    };
    assert!(survive(weather).await.0 > 100);
}

/// The schedule looks whether a fetch is due while somebody ends it all.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn once_killed_nothing_is_fetched_however_due() {
    let world = World::new(Weather::default());
    for _ in 0..20_000 {
        // Due a second after it came.
        world.publish(2);
        yield_now().await;
        world.upstream.clock.advance(1);
        for _ in 0..below(400) {
            std::hint::spin_loop();
        }
        let at = world.upstream.wall();
        world.refresher.invalidate(Trouble {
            began: 0,
            ended: 0,
            at,
            definite: true,
        });
        yield_now().await;
    }
    world.tasks.close();
    world.tasks.wait().await;
    assert!(world.upstream.calls.load(SeqCst) > 100, "never due");
    assert_eq!(world.upstream.from_nothing.load(SeqCst), 0);
}
