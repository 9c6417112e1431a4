//! A value with its deadlines, drawn once when it arrives.

use super::{Expires, Policy};
use crate::clock::{Deadline, Moment};

/// Seconds before expiry from which a value counts as expired: requests signed
/// with it are still on their way then, and clocks here have whole seconds.
const MARGIN: i64 = 1;

#[derive(Debug, Clone)]
pub(super) struct Cached<V> {
    pub(super) value: V,
    pub(super) expires: Deadline,
    pub(super) stale: Deadline,
    pub(super) refresh: Deadline,
    /// Seconds it lived from when it came.
    pub(super) lifetime: i64,
}

impl<V: Expires> Cached<V> {
    pub(super) fn new(value: V, policy: Policy, now: Moment, is_first: bool, jitter: f64) -> Self {
        let lifetime = value.expires_at().seconds_since(now.wall);
        Self {
            expires: now.after(lifetime - MARGIN),
            stale: now.after(policy.stale_after(lifetime.max(0))),
            refresh: now.after(policy.refresh_after(lifetime.max(0), is_first, jitter)),
            lifetime,
            value,
        }
    }

    pub(super) fn is_valid(&self, now: Moment) -> bool {
        !self.expires.reached(now)
    }

    pub(super) fn is_fresh(&self, now: Moment) -> bool {
        self.is_valid(now) && !self.stale.reached(now)
    }
}
