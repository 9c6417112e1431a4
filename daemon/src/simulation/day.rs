//! Ten thousand profiles of one daemon, all begun in the same second, over a day.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use async_trait::async_trait;
use quilt_proto::Timestamp;
use tokio::time::sleep;
use tokio_util::task::TaskTracker;

use super::figures;
use super::random::{Rng, seed_jitter};
use super::time::{Passed, SimClock};
use crate::changes::Changes;
use crate::clock::Clock;
use crate::metrics::RefreshMeter;
use crate::refresh::{Expires, Failure, Policy, RefreshContext, Refresher, Source};

const PROFILES: u64 = 10_000;

/// As long as AWS's credentials of a role live unless asked otherwise, in seconds.
const LIFE: i64 = 3600;

const DAY: u64 = 24 * 60;

/// How many are asked for in a minute, by chance: each twice an hour.
const ASKED: u64 = PROFILES / 30;

/// No minute may see more than so many times as many as the others.
const MOST: f64 = 2.0;

#[derive(Clone)]
struct Ends(Timestamp);

impl Expires for Ends {
    fn expires_at(&self) -> Timestamp {
        self.0
    }
}

/// AWS, which counts.
struct Issuer {
    clock: Arc<SimClock>,
    issued: Arc<AtomicUsize>,
}

#[async_trait]
impl Source for Issuer {
    type Value = Ends;
    type Error = String;

    async fn fetch(&self, _held: Option<Ends>) -> Result<Ends, Failure<String>> {
        self.issued.fetch_add(1, SeqCst);
        sleep(Duration::from_millis(50)).await;
        Ok(Ends(self.clock.true_time().plus_seconds(LIFE)))
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_profiles_are_renewed_evenly_and_none_expires() {
    seed_jitter(11);
    let clock = Arc::new(SimClock::from(Passed::default()));
    let issued = Arc::new(AtomicUsize::new(0));
    let context = Arc::new(RefreshContext {
        clock: Arc::<SimClock>::clone(&clock),
        tasks: TaskTracker::new(),
        meter: RefreshMeter::default(),
        changes: Changes::default(),
    });
    let profiles: Vec<_> = (0..PROFILES)
        .map(|_| {
            let aws = Issuer {
                clock: Arc::clone(&clock),
                issued: Arc::clone(&issued),
            };
            Refresher::new(aws, Policy::AWS_CREDENTIALS, Arc::clone(&context))
        })
        .collect();
    let timeout = Duration::from_secs(3);
    // All at once, as after a start; who asks first is not ahead of time.
    for profile in &profiles {
        profile.prepare();
    }
    sleep(Duration::from_secs(1)).await;
    let begun = issued.swap(0, SeqCst);
    assert_eq!(u64::try_from(begun).unwrap(), PROFILES, "the control");
    let mut rng = Rng::new(12);
    let (mut most, mut all, mut expired) = (0, 0, 0);
    for _ in 0..DAY {
        sleep(Duration::from_mins(1)).await;
        let minute = issued.swap(0, SeqCst);
        (most, all) = (most.max(minute), all + minute);
        for _ in 0..ASKED {
            let profile = &profiles[rng.index(profiles.len())];
            let vended = profile.value(timeout).await;
            let now = clock.now().wall;
            expired += usize::from(vended.is_ok_and(|ends| ends.0 <= now));
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a few hundred thousand")]
    let ratio = most as f64 * DAY as f64 / all as f64;
    let line = format!(
        "10,000 profiles over a day: {all} renewals, in the busiest minute {ratio:.2} times as \
         many as in the mean one; {expired} expired"
    );
    figures::tell("ten thousand profiles", &line);
    assert_eq!(expired, 0);
    assert!(ratio <= MOST, "{line}");
}
