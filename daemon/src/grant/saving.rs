//! What of the grants is written down: one change at a time, off the runtime's
//! threads, and waited for only so long.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::MutexGuard;

use super::persistent::{Persistent, PersistentGrant};
use super::store::{Grants, Saving, State};
use crate::files;

/// How long a change waits for those before it.
const TURN: Duration = Duration::from_secs(10);

/// How often a change that could not be written down is tried again.
const AGAIN: Duration = Duration::from_secs(30);

impl Grants {
    /// The right to change what is written down.
    pub(super) async fn turn(&self) -> io::Result<MutexGuard<'_, ()>> {
        let turn = tokio::time::timeout(TURN, self.changing.lock()).await;
        turn.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "others before it take too long"))
    }

    async fn update(
        &self,
        change: impl FnOnce(&mut Persistent) + Send + 'static,
    ) -> io::Result<()> {
        let file = self.file.clone();
        let written = tokio::task::spawn_blocking(move || file.update(change)).await;
        written.unwrap_or_else(|_| Err(io::Error::other("the write was given up")))
    }

    /// Writes down the kept grants among these, and where they are good. In its
    /// turn.
    pub(super) async fn save(&self, ids: &[String]) -> io::Result<()> {
        self.save_and(ids, |_| {}).await
    }

    /// The same, with a change of all that is written down.
    async fn save_and(
        &self,
        ids: &[String],
        and: impl FnOnce(&mut Persistent) + Send + 'static,
    ) -> io::Result<()> {
        let (port, changed, unrevoked) = {
            let state = self.state.lock();
            (state.port, state.to_be_kept(ids), state.unrevoked.clone())
        };
        let change = move |kept: &mut Persistent| {
            kept.port = port;
            let mut changed = changed;
            for changed in &mut changed {
                // Another daemon may have taken that right back by now.
                let written = kept.grants.iter().find(|kept| kept.id == changed.id);
                changed.without_api_keys |= written.is_some_and(|kept| kept.without_api_keys);
            }
            kept.grants.retain(|kept| {
                !unrevoked.contains(&kept.id) && changed.iter().all(|changed| changed.id != kept.id)
            });
            kept.grants.extend(changed);
            and(kept);
        };
        self.update(change).await
    }

    /// Writes down whether API keys are kept back from grants: from these, and
    /// from those that another daemon has given.
    pub(super) async fn save_right(&self, ids: &[String], keep_back: bool) -> io::Result<()> {
        let is_as_written = |kept: Persistent| {
            let mut kept = kept.grants.iter();
            kept.all(|kept| kept.without_api_keys == keep_back)
        };
        if ids.is_empty() && self.file.load().is_ok_and(is_as_written) {
            return Ok(());
        }
        let _turn = self.turn().await?;
        self.save_and(ids, move |kept| {
            for kept in &mut kept.grants {
                kept.without_api_keys = keep_back;
            }
        })
        .await
    }

    /// Strikes a grant out of what is kept. While that cannot be written down,
    /// it is tried again until the daemon ends.
    pub(super) async fn remove_saved(self: &Arc<Self>, id: &str) -> io::Result<()> {
        let revoked = self.try_remove_saved(id).await;
        if let Err(error) = &revoked {
            tracing::warn!("cannot write down the grants: {}", files::words(error));
            self.remove_saved_later(id);
        }
        revoked
    }

    /// Tries it again and again. Must be called inside a tokio runtime.
    pub(super) fn remove_saved_later(self: &Arc<Self>, id: &str) {
        if !self.state.lock().unrevoked.insert(id.to_owned()) {
            return;
        }
        let (grants, id) = (Arc::clone(self), id.to_owned());
        tokio::spawn(async move {
            while grants.state.lock().unrevoked.contains(&id) {
                grants.clock.sleep(AGAIN).await;
                if grants.try_remove_saved(&id).await.is_ok() {
                    return;
                }
            }
        });
    }

    /// Whether a grant was taken back that is still written down.
    pub(super) fn is_unrevoked(&self, id: &str) -> bool {
        self.state.lock().unrevoked.contains(id)
    }

    async fn try_remove_saved(&self, id: &str) -> io::Result<()> {
        let _turn = self.turn().await?;
        let revoked = id.to_owned();
        self.update(move |kept| kept.grants.retain(|kept| kept.id != revoked))
            .await?;
        self.state.lock().unrevoked.remove(id);
        Ok(())
    }

    /// Strikes all of them.
    pub(super) async fn remove_all_saved(&self) -> io::Result<()> {
        let _turn = self.turn().await?;
        self.update(|kept| *kept = Persistent::default()).await?;
        self.state.lock().unrevoked.clear();
        Ok(())
    }

    /// Writes down, when it can, that a grant is good for longer.
    pub(super) fn save_later(self: &Arc<Self>, id: String) {
        let grants = Arc::clone(self);
        tokio::spawn(async move {
            let saved = match grants.turn().await {
                Ok(_turn) => grants.save(std::slice::from_ref(&id)).await,
                Err(error) => Err(error),
            };
            if let Err(error) = &saved {
                tracing::warn!("cannot write down the grants: {}", files::words(error));
                grants.clock.sleep(AGAIN).await;
            }
            if let Some(grant) = grants.state.lock().grants.get_mut(&id) {
                grant.saving = Saving::Saved;
                if saved.is_ok() {
                    grant.written = grant.expires.wall;
                }
            }
        });
    }
}

impl State {
    fn to_be_kept(&self, ids: &[String]) -> Vec<PersistentGrant> {
        let found = ids
            .iter()
            .filter_map(|id| Some((id, self.grants.get(id)?)))
            .filter(|(_, grant)| grant.is_persistent);
        let kept = found.map(|(id, grant)| PersistentGrant {
            id: id.clone(),
            token_sha256: grant.hash.clone(),
            catalog_url: grant.right.catalog().clone(),
            created_at: grant.created_at,
            expires_at: grant.expires.wall,
            is_superseded: grant.is_superseded,
            without_api_keys: grant.right.without_api_keys(),
        });
        kept.collect()
    }
}
