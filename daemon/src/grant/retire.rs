//! What becomes of a kept grant when its holder is given another.

use super::store::{DAY, State};
use crate::clock::{Deadline, Moment};

/// How a grant was before it was retired.
pub(super) type Retired = (String, bool, Deadline);

impl State {
    /// One kept grant of a catalog is in use at a time: programs that still have
    /// an older one are given a day to end.
    pub(super) fn retire_others(&mut self, id: &str, now: Moment) -> Vec<Retired> {
        let mut retired = Vec::new();
        let catalog = self
            .grants
            .get(id)
            .map(|grant| grant.right.catalog().clone());
        for (other, grant) in &mut self.grants {
            let is_of_it = Some(grant.right.catalog()) == catalog.as_ref();
            if grant.is_kept && is_of_it && other != id {
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
