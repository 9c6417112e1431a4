//! Gives memory back that a burst of requests has left behind: the allocator
//! keeps small blocks that were freed, as if the next burst were near.

use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use quilt_proto::process_status;

use crate::raw;

/// How long after something was done to look, and how rarely where it was of no
/// use.
const LOOK: Duration = Duration::from_secs(5);
const LOOK_RARELY: Duration = Duration::from_mins(5);

/// How much more than the least it ever used the process may keep, in KiB.
const SPARE: u64 = 4 * 1024;

/// Looks and gives back, for as long as it is polled, whenever `activity` tells
/// that something was done: nothing done leaves nothing behind.
pub async fn give_back(activity: &Notify) {
    let (mut least, mut pause) = (u64::MAX, LOOK);
    while let Some(held) = tokio::task::spawn_blocking(in_use).await.ok().flatten() {
        least = least.min(held);
        let is_back = if held > least + SPARE {
            // What is in use stays, so that it may be of no use for now.
            let after = tokio::task::spawn_blocking(trim).await.ok().flatten();
            after.is_some_and(|after| after <= least + SPARE)
        } else {
            true
        };
        if is_back {
            pause = LOOK;
            activity.notified().await;
        } else if timeout(pause, activity.notified()).await.is_err() {
            pause = (pause * 2).min(LOOK_RARELY);
            continue;
        }
        // What was begun by then is over soon.
        tokio::time::sleep(LOOK).await;
    }
}

fn trim() -> Option<u64> {
    raw::give_free_memory_back();
    in_use()
}

/// Memory of the process that is no file's, in KiB (proc(5)); nothing where the
/// system does not tell.
fn in_use() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    process_status::word(&status, "RssAnon")?.parse().ok()
}
