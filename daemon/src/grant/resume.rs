//! Grants that outlive the daemon, written down and taken up again.

use std::io;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::kept::{Kept, KeptGrant};
use super::store::{Endpoint, Grant, Grants, State};
use super::{Kind, Right};

impl Grants {
    /// Takes up the kept grants; answers whether there are any. Must be called
    /// inside a tokio runtime.
    pub fn resume(self: &Arc<Self>) -> bool {
        let Some(file) = &self.file else { return false };
        let kept = file.load();
        let now = self.clock.now();
        let mut state = self.state();
        state.port = kept.port;
        for kept in kept.grants {
            let expires = now.after(kept.expires_at.seconds_since(now.wall));
            if expires.reached(now) {
                continue;
            }
            let ended = CancellationToken::new();
            let grant = Grant {
                right: Right::Registry {
                    catalog: kept.catalog_url,
                },
                hash: kept.token_sha256,
                created_at: kept.created_at,
                expires,
                last_used_at: None,
                holder: None,
                is_kept: true,
                _ended: ended.clone().drop_guard(),
            };
            state.grants.insert(kept.id.clone(), grant);
            tokio::spawn(Arc::clone(self).attend(kept.id, None, now, ended));
        }
        !state.grants.is_empty()
    }

    /// Opens the listener of kept grants again, on the port programs have been
    /// told, if there are such grants and no listener.
    pub fn reopen(&self, open: impl FnOnce(u16) -> io::Result<Endpoint>) -> io::Result<()> {
        let mut state = self.state();
        let is_kept = state.grants.values().any(|grant| grant.is_kept);
        if let Some(port) = state.port
            && is_kept
            && !state.endpoints.contains_key(&Kind::Registry)
        {
            let endpoint = open(port)?;
            state.endpoints.insert(Kind::Registry, endpoint);
        }
        Ok(())
    }

    /// Writes down what is to be kept.
    pub(super) fn save(&self, state: &State) -> io::Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let kept = state.grants.iter().filter(|(_, grant)| grant.is_kept);
        let grants = kept.map(|(id, grant)| KeptGrant {
            id: id.clone(),
            token_sha256: grant.hash.clone(),
            catalog_url: grant.right.catalog().clone(),
            created_at: grant.created_at,
            expires_at: grant.expires.wall,
        });
        file.save(&Kept {
            version: Kept::VERSION,
            port: state.port,
            grants: grants.collect(),
        })
    }

    pub(super) fn save_or_say(&self, state: &State) {
        if let Err(error) = self.save(state) {
            tracing::warn!("cannot write down the grants: {}", error.kind());
        }
    }
}
