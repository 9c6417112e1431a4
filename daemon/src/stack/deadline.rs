//! How long an answer is waited for.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// A timer that is late by this much was not kept waiting by other work.
const FROZEN: Duration = Duration::from_secs(1);

/// How long it takes to see what lies in the buffer.
const LAST_LOOK: Duration = Duration::from_millis(100);

/// The same after a freeze, when everything is late.
const LOOK_AFTER_FREEZE: Duration = Duration::from_secs(3);

/// What comes in time. An answer that lies in the buffer when the time is over
/// is read all the same: a process that was frozen finds all its timers over
/// once it goes on, and with a token that was rotated meanwhile the login would
/// be lost.
pub(super) async fn in_time<T>(total: Duration, asked: impl Future<Output = T>) -> Option<T> {
    let deadline = Instant::now() + total;
    tokio::pin!(asked);
    if let Ok(answer) = timeout_at(deadline, &mut asked).await {
        return Some(answer);
    }
    let was_frozen = deadline.elapsed() > FROZEN;
    let look = if was_frozen {
        LOOK_AFTER_FREEZE
    } else {
        LAST_LOOK
    };
    tokio::time::timeout(look, asked).await.ok()
}
