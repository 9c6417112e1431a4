//! Time, injected: what the wall says and how long the machine has been up.
//!
//! Expiry is the stack's statement about the wall clock, but a wall clock can
//! be set back and timers stop while a laptop sleeps. So every deadline is
//! kept on two clocks, and whichever reaches it first counts.

mod jumps;
mod skew;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use quilt_proto::Timestamp;

use self::jumps::Jumps;
pub use self::skew::ClockSkew;

/// One instant on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock.
    pub wall: Timestamp,
    /// Time since boot, including suspend; never set back.
    pub uptime: Duration,
}

impl Moment {
    /// The deadline `seconds` from here; one in the past when negative.
    pub fn after(self, seconds: i64) -> Deadline {
        let ahead = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        Deadline {
            wall: self.wall.plus_seconds(seconds),
            uptime: self.uptime.saturating_add(ahead),
        }
    }

    /// A deadline of the wall clock's, at most `longest` seconds from here.
    pub fn until(self, wall: Timestamp, longest: i64) -> Deadline {
        let left = wall.seconds_since(self.wall);
        // One that has passed may be no deadline of the clock that is right.
        let ahead = if left > 0 { left.min(longest) } else { longest };
        Deadline {
            wall,
            uptime: self.after(ahead).uptime,
        }
    }
}

/// A point in time that has come as soon as either clock says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// When, by the wall clock.
    pub wall: Timestamp,
    uptime: Duration,
}

impl Deadline {
    /// Whether it has come.
    pub fn reached(self, now: Moment) -> bool {
        now.wall >= self.wall || now.uptime >= self.uptime
    }

    /// Whether it has come by the clock that nobody sets.
    pub fn reached_by_uptime(self, now: Moment) -> bool {
        now.uptime >= self.uptime
    }

    /// Whole seconds until it comes, by the clock that gets there first.
    pub fn seconds_left(self, now: Moment) -> i64 {
        i64::try_from(self.left(now).as_secs()).unwrap_or(i64::MAX)
    }

    /// Time until it comes, by the clock that gets there first: at most a second
    /// too long, as the wall clock here has whole seconds.
    fn left(self, now: Moment) -> Duration {
        let wall = self.wall.seconds_since(now.wall);
        let wall = Duration::from_secs(u64::try_from(wall).unwrap_or(0));
        wall.min(self.uptime.saturating_sub(now.uptime))
    }

    /// The earlier of two.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        Self {
            wall: self.wall.min(other.wall),
            uptime: self.uptime.min(other.uptime),
        }
    }
}

/// The source of time.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Moment;

    /// Returns when the deadline has come, within 2 s of waking from suspend
    /// or of a change of the wall clock.
    async fn sleep_until(&self, deadline: Deadline);

    /// Returns after a while, for pauses shorter than the clock on the wall
    /// tells apart.
    async fn sleep(&self, pause: Duration);
}

/// A shared clock.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clocks.
#[derive(Debug, Default)]
pub struct SystemClock {
    /// Tells of suspends and of changes of the wall clock, where the system does.
    jumps: OnceLock<Option<Jumps>>,
}

/// How often to look where the system tells of nothing, and for how long to
/// wait for the last part of a second.
const LOOK: Duration = Duration::from_secs(1);
const NAP: Duration = Duration::from_millis(50);

/// How long to sleep at most where it does: should it ever fail to.
const DOZE: Duration = Duration::from_mins(10);

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Moment {
        Moment {
            wall: Timestamp::now(),
            uptime: uptime(),
        }
    }

    async fn sleep_until(&self, deadline: Deadline) {
        // Timers count neither suspend nor clock changes.
        let jumps = self.jumps.get_or_init(Jumps::watch).as_ref();
        let mut jumps = jumps.map(Jumps::subscribe);
        loop {
            let now = self.now();
            if deadline.reached(now) {
                return;
            }
            let left = deadline.left(now).clamp(NAP, DOZE);
            let is_told = if let Some(jumps) = &mut jumps {
                tokio::select! {
                    () = tokio::time::sleep(left) => true,
                    told = jumps.changed() => told.is_ok(),
                }
            } else {
                tokio::time::sleep(left.min(LOOK)).await;
                false
            };
            jumps = jumps.filter(|_| is_told);
        }
    }

    async fn sleep(&self, pause: Duration) {
        tokio::time::sleep(pause).await;
    }
}

/// Time since boot, suspend included.
fn uptime() -> Duration {
    use nix::time::{ClockId, clock_gettime};
    #[cfg(target_os = "linux")]
    let id = ClockId::CLOCK_BOOTTIME;
    // Darwin's CLOCK_MONOTONIC goes on while the machine sleeps.
    #[cfg(not(target_os = "linux"))]
    let id = ClockId::CLOCK_MONOTONIC;
    // Of a clock that there is, the system tells the time.
    clock_gettime(id).map_or(Duration::ZERO, Duration::from)
}

#[cfg(test)]
pub(crate) mod manual {
    //! A clock that moves when told to.

    use tokio::sync::watch;

    use super::{Clock, Deadline, Duration, Moment, Timestamp, async_trait};

    #[derive(Debug)]
    pub(crate) struct ManualClock(watch::Sender<Moment>);

    impl ManualClock {
        pub(crate) fn at(unix: i64) -> Self {
            let wall = Timestamp::from_unix(unix);
            Self(watch::Sender::new(Moment {
                wall,
                uptime: Duration::from_secs(1000),
            }))
        }

        /// Time passes, on both clocks (running or suspended alike).
        pub(crate) fn advance(&self, seconds: u64) {
            self.0.send_modify(|now| {
                now.wall = now.wall.plus_seconds(i64::try_from(seconds).unwrap());
                now.uptime += Duration::from_secs(seconds);
            });
        }

        /// Somebody sets the wall clock.
        pub(crate) fn set_wall_by(&self, seconds: i64) {
            self.0
                .send_modify(|now| now.wall = now.wall.plus_seconds(seconds));
        }
    }

    #[async_trait]
    impl Clock for ManualClock {
        fn now(&self) -> Moment {
            *self.0.borrow()
        }

        async fn sleep_until(&self, deadline: Deadline) {
            let mut changes = self.0.subscribe();
            let _ = changes.wait_for(|now| deadline.reached(*now)).await;
        }

        async fn sleep(&self, pause: Duration) {
            let end = self.now().uptime + pause;
            let mut changes = self.0.subscribe();
            let _ = changes.wait_for(|now| now.uptime >= end).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::sync::watch;

    use super::manual::ManualClock;
    use super::*;

    #[test]
    fn a_clock_set_back_does_not_prolong_a_deadline() {
        let clock = ManualClock::at(10_000);
        let deadline = clock.now().after(100);
        clock.set_wall_by(-5000);
        clock.advance(100);
        assert!(deadline.reached(clock.now()));
    }

    #[test]
    fn a_clock_set_forward_reaches_it_early() {
        let clock = ManualClock::at(10_000);
        let deadline = clock.now().after(100);
        clock.set_wall_by(100);
        assert!(deadline.reached(clock.now()));
        assert_eq!(deadline.seconds_left(clock.now()), 0);
    }

    #[tokio::test]
    async fn the_system_clock_wakes_at_a_past_deadline() {
        let clock = SystemClock::default();
        clock.sleep_until(clock.now().after(-5)).await;
        assert!(clock.now().uptime > Duration::ZERO);
    }

    #[tokio::test]
    async fn a_sleep_is_neither_cut_short_nor_much_too_long() {
        let clock = SystemClock::default();
        let begun = Instant::now();
        let deadline = clock.now().after(2);
        clock.sleep_until(deadline).await;
        assert!(deadline.reached(clock.now()));
        assert!(begun.elapsed() >= Duration::from_millis(900), "{begun:?}");
    }

    #[tokio::test]
    async fn a_jump_wakes_whoever_sleeps() {
        let (jump, jumps) = watch::channel(());
        let clock = SystemClock {
            jumps: OnceLock::from(Some(Jumps(jumps))),
        };
        let clock = Arc::new(clock);
        let far = clock.now().after(3600);
        let sleeper = Arc::clone(&clock);
        let sleep = tokio::spawn(async move { sleeper.sleep_until(far).await });
        tokio::task::yield_now().await;
        // Each look finds the deadline where it was.
        jump.send_replace(());
        tokio::task::yield_now().await;
        assert!(!sleep.is_finished());
        sleep.abort();
    }
}
