//! What becomes of a kept grant when its holder is given another.

use super::store::State;
use crate::clock::{Deadline, Moment};
use quilt_proto::time::DAY;

/// How a grant was before it was superseded.
pub(super) type Superseded = (String, bool, Deadline);

impl State {
    /// One kept grant of a catalog is in use at a time: programs that still have
    /// an older one are given a day to end.
    pub(super) fn supersede_others(&mut self, id: &str, now: Moment) -> Vec<Superseded> {
        let mut superseded = Vec::new();
        let catalog = self
            .grants
            .get(id)
            .map(|grant| grant.right.catalog().clone());
        for (other, grant) in &mut self.grants {
            let is_of_it = Some(grant.right.catalog()) == catalog.as_ref();
            if grant.is_persistent && is_of_it && other != id {
                superseded.push((other.clone(), grant.is_superseded, grant.expires));
                grant.is_superseded = true;
                grant.expires = grant.expires.min(now.after(DAY));
            }
        }
        superseded
    }

    /// There is no newer one after all.
    pub(super) fn restore_superseded(&mut self, superseded: Vec<Superseded>) {
        for (id, is_superseded, expires) in superseded {
            if let Some(grant) = self.grants.get_mut(&id) {
                grant.is_superseded = is_superseded;
                grant.expires = expires;
            }
        }
    }
}
