//! What becomes of a kept grant when its holder is given another.

use super::store::{DAY, State};
use crate::clock::{Deadline, Moment};

/// How a grant was before it was retired.
pub(super) type Retired = (String, bool, Deadline);

impl State {
    /// One kept grant is in use at a time: programs that still have an older
    /// one are given a day to end.
    pub(super) fn retire_others(&mut self, id: &str, now: Moment) -> Vec<Retired> {
        let mut retired = Vec::new();
        for (other, grant) in &mut self.grants {
            if grant.is_kept && other != id {
                retired.push((other.clone(), grant.is_retired, grant.expires));
                grant.is_retired = true;
                grant.expires = grant.expires.min(now.after(DAY));
            }
        }
        retired
    }

    /// There is no newer one after all.
    pub(super) fn call_back(&mut self, retired: Vec<Retired>) {
        for (id, is_retired, expires) in retired {
            if let Some(grant) = self.grants.get_mut(&id) {
                grant.is_retired = is_retired;
                grant.expires = expires;
            }
        }
    }
}
