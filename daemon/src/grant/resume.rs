//! Grants that outlive the daemon, written down and taken up again.

use std::io;
use std::sync::Arc;

use parking_lot::MutexGuard;
use tokio_util::sync::CancellationToken;

use super::lifetime::{ExpiryTimer, PERSISTENT_SECONDS};
use super::persistent::Persistent;
use super::store::{Endpoint, Grant, Grants, Saving, State};
use super::{Kind, Right};
use crate::files;

impl Grants {
    /// Takes up the kept grants; answers whether there are any. Must be called
    /// inside a tokio runtime.
    pub fn resume(self: &Arc<Self>) -> bool {
        let kept = self.file.load().unwrap_or_else(|error| {
            tracing::warn!("cannot read the grants: {}", files::words(&error));
            Persistent::default()
        });
        let now = self.clock.now();
        let mut state = self.state.lock();
        state.port = kept.port;
        for kept in kept.grants {
            // One that is over is revoked later: the clock may be wrong until then.
            let expires = now.until(kept.expires_at, PERSISTENT_SECONDS);
            let ended = CancellationToken::new();
            let grant = Grant {
                right: Right::Registry {
                    catalog: kept.catalog_url,
                    without_api_keys: kept.without_api_keys,
                },
                hash: kept.token_sha256,
                created_at: kept.created_at,
                expires,
                last_used_at: None,
                holder: None,
                is_persistent: true,
                is_superseded: kept.is_superseded,
                written: kept.expires_at,
                saving: Saving::Saved,
                _token_file: None,
                ended: ended.clone(),
                _ended: ended.clone().drop_guard(),
            };
            state.grants.insert(kept.id.clone(), grant);
            ExpiryTimer::start(Arc::clone(self), kept.id, None, now, ended);
        }
        !state.grants.is_empty()
    }

    /// Opens the listener of kept grants again, on the port programs have been
    /// told, if there are such grants and no listener. Another daemon may have
    /// had it until now: what it took back is not taken up.
    pub fn reopen(&self, open: impl FnOnce(u16) -> io::Result<Endpoint>) -> io::Result<()> {
        let mut state = self.state.lock();
        self.drop_revoked(&mut state)?;
        let is_persistent = state.grants.values().any(|grant| grant.is_persistent);
        if let Some(port) = state.port
            && is_persistent
            && !state.endpoints.contains_key(&Kind::Registry)
        {
            let endpoint = open(port)?;
            state.endpoints.insert(Kind::Registry, endpoint);
        }
        Ok(())
    }

    /// The grants, without those that another daemon took back.
    pub(super) fn as_written(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock();
        self.follow_file(&mut state);
        state
    }

    /// Notices what another daemon took back of a kept grant.
    pub(super) fn follow_file(&self, state: &mut State) {
        let stamp = self.file.stamp();
        if stamp.is_none() || stamp == state.seen {
            return;
        }
        match self.drop_revoked(state) {
            Ok(()) => state.seen = stamp,
            Err(error) => tracing::warn!("cannot read the grants: {}", files::words(&error)),
        }
    }

    /// Lets go of kept grants, or of their right to make API keys, where another
    /// daemon has taken that back.
    pub(super) fn drop_revoked(&self, state: &mut State) -> io::Result<()> {
        let kept = self.file.load()?.grants;
        state.grants.retain(|id, grant| {
            if grant.saving == Saving::Unsaved {
                return true;
            }
            let Some(kept) = kept.iter().find(|kept| kept.id == *id) else {
                return false;
            };
            grant.right.set_without_api_keys(kept.without_api_keys);
            true
        });
        Ok(())
    }
}
