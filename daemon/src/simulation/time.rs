//! The machine's clocks, on tokio's paused time: they run when everybody waits.

use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use quilt_proto::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock::{Clock, Deadline, Moment};

/// When a simulation begins.
const EPOCH: i64 = 1_800_000_000;

/// How far the machine is from its boot then.
const UPTIME: Duration = Duration::from_secs(1000);

/// What is left of time when a daemon ends: how much has passed, and how far
/// the wall clock is off.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Passed {
    pub(super) true_time: Duration,
    pub(super) wall_off: i64,
}

/// The clocks of one machine.
pub(super) struct SimClock {
    began: Instant,
    passed: Mutex<Passed>,
    /// Wakes sleepers in order, which a watch channel does not.
    jumped: Notify,
}

impl SimClock {
    /// Goes on from there. Needs a paused runtime.
    pub(super) fn from(passed: Passed) -> Self {
        Self {
            began: Instant::now(),
            passed: Mutex::new(passed),
            jumped: Notify::new(),
        }
    }

    pub(super) fn passed(&self) -> Passed {
        let passed = *self.passed.lock();
        Passed {
            true_time: passed.true_time + self.began.elapsed(),
            ..passed
        }
    }

    /// The time that stacks and AWS live by, which nobody sets.
    pub(super) fn true_time(&self) -> Timestamp {
        let passed = self.passed().true_time.as_secs();
        Timestamp::from_unix(EPOCH).plus_seconds(i64::try_from(passed).unwrap())
    }

    /// The machine sleeps; its timers do not notice.
    pub(super) fn suspend(&self, time: Duration) {
        self.passed.lock().true_time += time;
        self.jumped.notify_waiters();
    }

    /// Somebody sets the wall clock.
    pub(super) fn set_wall_off(&self, seconds: i64) {
        self.passed.lock().wall_off = seconds;
        self.jumped.notify_waiters();
    }
}

#[async_trait]
impl Clock for SimClock {
    fn now(&self) -> Moment {
        let passed = self.passed();
        let seconds = i64::try_from(passed.true_time.as_secs()).unwrap();
        Moment {
            wall: Timestamp::from_unix(EPOCH).plus_seconds(seconds + passed.wall_off),
            uptime: UPTIME + passed.true_time,
        }
    }

    /// Like the machine's own, which looks again each second: a suspend, or a
    /// wall clock that is set, is noticed within one.
    async fn sleep_until(&self, deadline: Deadline) {
        loop {
            let jumped = self.jumped.notified();
            let now = self.now();
            if deadline.reached(now) {
                return;
            }
            let left = u64::try_from(deadline.seconds_left(now)).unwrap_or(0);
            let nap = if left == 0 { 50 } else { left * 1000 };
            tokio::select! {
                biased;
                () = tokio::time::sleep(Duration::from_millis(nap)) => {}
                () = jumped => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        }
    }

    async fn sleep(&self, pause: Duration) {
        tokio::time::sleep(pause).await;
    }
}
