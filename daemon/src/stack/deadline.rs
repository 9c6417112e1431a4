//! How long an answer is waited for.

use std::time::Duration;

use tokio::time::{Instant, timeout};

/// Until a request is connected, TLS included.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// From a request's start to its answer's last byte.
pub(crate) const TOTAL_TIMEOUT: Duration = Duration::from_secs(15);

/// Time counts in steps of this length at most: one that takes longer, because
/// the process was frozen, counts as one.
const STEP: Duration = Duration::from_secs(1);

/// A step that is late by this much was not kept waiting by other work.
const FROZEN: Duration = Duration::from_secs(1);

/// How long it takes to see what lies in the buffer.
const LAST_LOOK: Duration = Duration::from_millis(100);

/// The same after a freeze, when everything is late.
const LOOK_AFTER_FREEZE: Duration = Duration::from_secs(3);

/// What comes in time, which is time in which this process runs: one that was
/// frozen (a stopped job, a virtual machine that is paused) may send only then
/// what it was about to send, and with a token that was rotated for it the login
/// would be lost. For the same reason an answer that lies in the buffer when
/// the time is over is read all the same.
pub async fn in_time<T>(total: Duration, asked: impl Future<Output = T>) -> Option<T> {
    tokio::pin!(asked);
    let (mut left, mut was_frozen) = (total, false);
    while !left.is_zero() {
        let step = left.min(STEP);
        let due = Instant::now() + step;
        if let Ok(answer) = timeout(step, &mut asked).await {
            return Some(answer);
        }
        was_frozen = due.elapsed() > FROZEN;
        left -= step;
    }
    let look = if was_frozen {
        LOOK_AFTER_FREEZE
    } else {
        LAST_LOOK
    };
    timeout(look, asked).await.ok()
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, sleep};

    use super::*;

    /// A request that goes out after `before`, and is answered after `then`.
    async fn asked(before: Duration, then: Duration) {
        sleep(before).await;
        sleep(then).await;
        // What has arrived is read a little later than the timers go off.
        tokio::task::yield_now().await;
    }

    /// Whether it is answered in time, by a process that is frozen meanwhile.
    async fn is_answered(before: u64, then: u64, frozen: Option<(u64, u64)>) -> bool {
        let (before, then) = (Duration::from_millis(before), Duration::from_millis(then));
        let waits = tokio::spawn(in_time(TOTAL_TIMEOUT, asked(before, then)));
        if let Some((at, lasts)) = frozen {
            sleep(Duration::from_millis(at)).await;
            advance(Duration::from_millis(lasts)).await;
        }
        waits.await.unwrap().is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_in_time_is_read() {
        assert!(is_answered(100, 14_000, None).await);
        assert!(is_answered(0, 15_000, None).await);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_waited_for_longer() {
        let began = Instant::now();
        assert!(!is_answered(100, 15_500, None).await);
        assert!(!is_answered(0, 3_600_000, None).await);
        assert!(began.elapsed() < Duration::from_secs(3700));
        let hangs = std::future::pending::<()>();
        let began = Instant::now();
        assert_eq!(in_time(TOTAL_TIMEOUT, hangs).await, None);
        assert!(began.elapsed() < TOTAL_TIMEOUT + FROZEN);
    }

    #[tokio::test(start_paused = true)]
    async fn what_goes_out_after_a_freeze_has_all_its_time() {
        for frozen in [5_000, 17_000, 3_600_000] {
            assert!(is_answered(100, 14_000, Some((50, frozen))).await);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_arrived_during_a_freeze_is_read() {
        for at in [200, 7_000, 14_050] {
            assert!(is_answered(100, 14_000, Some((at, 17_000))).await, "{at}");
        }
        assert!(is_answered(100, 16_000, Some((14_900, 17_000))).await);
    }
}
