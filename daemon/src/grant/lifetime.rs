//! How long grants are good: what renews them, and one task each, which ends it
//! when its time has come.

use std::sync::Arc;
use std::time::Duration;

use quilt_proto::time::DAY;
use tokio_util::sync::CancellationToken;

use super::ProcessHandle;
use super::store::{Grant, Grants, Saving};
use crate::clock::{Deadline, Moment};

/// A grant tied to a process is good for this long at a time, in seconds, and
/// renewed at half of it: should the watch ever fail, the grant ends too.
pub(super) const PROCESS_BOUND_SECONDS: i64 = 3600;

/// A grant that is renewed by use ends after this long without any, in seconds.
pub(super) const PERSISTENT_SECONDS: i64 = 90 * DAY;

/// Such a renewal is written down this often, in seconds.
const WRITTEN_EACH: i64 = DAY;

/// For how long the wall clock has to say that a grant is over, while the time
/// since boot does not, until it is believed.
const BELIEVED: Duration = Duration::from_hours(24);

/// How often it is looked at meanwhile.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

impl Grant {
    /// Renews a persistent grant that was used, once a day; whether that is to
    /// be written down and nobody does yet.
    pub(super) fn renew_by_use(&mut self, now: Moment) -> bool {
        let is_renewed = self.is_persistent && !self.is_superseded;
        let is_due = self.written.seconds_since(now.wall) < PERSISTENT_SECONDS - WRITTEN_EACH;
        if !(is_renewed && is_due) {
            return false;
        }
        self.expires = now.after(PERSISTENT_SECONDS);
        std::mem::replace(&mut self.saving, Saving::Renewing) == Saving::Saved
    }
}

/// Ends one grant when its time has come.
pub(super) struct ExpiryTimer {
    grants: Arc<Grants>,
    id: String,
}

impl ExpiryTimer {
    /// Starts its task. Must be called inside a tokio runtime.
    pub(super) fn start(
        grants: Arc<Grants>,
        id: String,
        holder: Option<ProcessHandle>,
        issued: Moment,
        ended: CancellationToken,
    ) {
        let timer = Self { grants, id };
        tokio::spawn(async move { timer.run(holder, issued, ended).await });
    }

    async fn run(&self, holder: Option<ProcessHandle>, issued: Moment, ended: CancellationToken) {
        let Some(holder) = holder else {
            if ended.run_until_cancelled(self.expired()).await.is_some() {
                self.finish("it expired").await;
            }
            return;
        };
        let mut renewed = issued;
        loop {
            let due = renewed.after(PROCESS_BOUND_SECONDS / 2);
            tokio::select! {
                () = ended.cancelled() => return,
                () = holder.ended() => return self.finish("its program ended").await,
                () = self.grants.clock.sleep_until(due) => renewed = self.renew(),
            }
        }
    }

    /// Returns when the grant has expired for good. A wall clock that is ahead for
    /// a while ends none: meanwhile its token opens nothing.
    async fn expired(&self) {
        let clock = &self.grants.clock;
        let mut since = None;
        // Again as long as it is renewed meanwhile.
        while let Some(expires) = self.expires() {
            let now = clock.now();
            if !expires.reached(now) {
                since = None;
                clock.sleep_until(expires).await;
                continue;
            }
            let since = *since.get_or_insert(now.uptime);
            if expires.reached_by_uptime(now) || now.uptime.saturating_sub(since) >= BELIEVED {
                return;
            }
            clock.sleep(LOOK_AGAIN).await;
        }
    }

    /// What cannot be written down is logged, and tried again.
    async fn finish(&self, reason: &str) {
        let _ = self.grants.end(&self.id, reason).await;
    }

    fn expires(&self) -> Option<Deadline> {
        let state = self.grants.state.lock();
        state.grants.get(&self.id).map(|grant| grant.expires)
    }

    fn renew(&self) -> Moment {
        let now = self.grants.clock.now();
        if let Some(grant) = self.grants.state.lock().grants.get_mut(&self.id) {
            grant.expires = now.after(PROCESS_BOUND_SECONDS);
        }
        now
    }
}
