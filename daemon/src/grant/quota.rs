//! How many grants there may be, and of which kind.

use super::store::State;

/// More than anybody needs, and bounded.
const MOST: usize = 1000;

/// Those that end by themselves after a while leave room for programs that run.
const MOST_TIMED: usize = MOST / 2;

/// Those that end with one and the same process.
const MOST_OF_ONE: usize = 64;

impl State {
    /// Whether there may be one more: of those that outlive the daemon, of
    /// those that end with a process, or of those that end by time.
    pub(super) fn is_within_quota(&self, is_persistent: bool, holder: Option<u32>) -> bool {
        let all = self.grants.values();
        let (like_it, most) = match holder {
            _ if is_persistent => (0, MOST),
            Some(_) => (
                all.filter(|grant| grant.holder == holder).count(),
                MOST_OF_ONE,
            ),
            None => (
                all.filter(|grant| grant.holder.is_none() && !grant.is_persistent)
                    .count(),
                MOST_TIMED,
            ),
        };
        self.grants.len() < MOST && like_it < most
    }
}
