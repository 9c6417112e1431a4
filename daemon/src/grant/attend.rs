//! One task a grant, which ends it when its time has come.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Holder;
use super::store::{Grants, HELD_SECONDS};
use crate::clock::{Deadline, Moment};

impl Grants {
    /// Ends a grant when its time has come.
    pub(super) async fn attend(
        self: Arc<Self>,
        id: String,
        holder: Option<Holder>,
        issued: Moment,
        ended: CancellationToken,
    ) {
        let Some(holder) = holder else {
            // Again as long as it is renewed meanwhile.
            while let Some(expires) = self.expires(&id) {
                if expires.reached(self.clock.now()) {
                    self.end(&id, "it expired");
                    return;
                }
                tokio::select! {
                    () = ended.cancelled() => return,
                    () = self.clock.sleep_until(expires) => {}
                }
            }
            return;
        };
        let mut renewed = issued;
        loop {
            tokio::select! {
                () = ended.cancelled() => return,
                () = holder.ended() => {
                    self.end(&id, "its program ended");
                    return;
                }
                () = self.clock.sleep_until(renewed.after(HELD_SECONDS / 2)) => {
                    renewed = self.renew(&id);
                }
            }
        }
    }

    fn expires(&self, id: &str) -> Option<Deadline> {
        self.state().grants.get(id).map(|grant| grant.expires)
    }

    fn renew(&self, id: &str) -> Moment {
        let now = self.clock.now();
        if let Some(grant) = self.state().grants.get_mut(id) {
            grant.expires = now.after(HELD_SECONDS);
        }
        now
    }
}
