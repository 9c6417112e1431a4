//! Grants that outlive the daemon, written down and taken up again.

use std::io;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::kept::{Kept, KeptFile, KeptGrant};
use super::store::{Endpoint, Grant, Grants, State};
use super::{Kind, Right};
use crate::files;

impl Grants {
    /// Takes up the kept grants; answers whether there are any. Must be called
    /// inside a tokio runtime.
    pub fn resume(self: &Arc<Self>) -> bool {
        let Some(file) = &self.file else { return false };
        let kept = file.load().unwrap_or_else(|error| {
            tracing::warn!("cannot read the grants: {}", files::words(&error));
            Kept::default()
        });
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
                    without_api_keys: kept.without_api_keys,
                },
                hash: kept.token_sha256,
                created_at: kept.created_at,
                expires,
                last_used_at: None,
                holder: None,
                is_kept: true,
                is_retired: kept.is_retired,
                _token_file: None,
                _ended: ended.clone().drop_guard(),
            };
            state.grants.insert(kept.id.clone(), grant);
            tokio::spawn(Arc::clone(self).attend(kept.id, None, now, ended));
        }
        !state.grants.is_empty()
    }

    /// Opens the listener of kept grants again, on the port programs have been
    /// told, if there are such grants and no listener. Another daemon may have
    /// had it until now: what it took back is not taken up.
    pub fn reopen(&self, open: impl FnOnce(u16) -> io::Result<Endpoint>) -> io::Result<()> {
        let mut state = self.state();
        self.drop_struck(&mut state)?;
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

    /// Notices that another daemon took a kept grant back.
    pub(super) fn follow_file(&self, state: &mut State) {
        let stamp = self.file.as_ref().and_then(KeptFile::stamp);
        if stamp.is_none() || stamp == state.seen {
            return;
        }
        match self.drop_struck(state) {
            Ok(()) => state.seen = stamp,
            Err(error) => tracing::warn!("cannot read the grants: {}", files::words(&error)),
        }
    }

    /// Lets go of kept grants that another daemon has taken back.
    pub(super) fn drop_struck(&self, state: &mut State) -> io::Result<()> {
        if let Some(file) = &self.file {
            let kept = file.load()?.grants;
            let is_there = |id: &str| kept.iter().any(|kept| kept.id == id);
            state
                .grants
                .retain(|id, grant| !grant.is_kept || is_there(id));
        }
        Ok(())
    }

    /// Writes down the kept grants among these, and where they are good.
    pub(super) fn save<'a>(
        &self,
        state: &'a State,
        ids: impl IntoIterator<Item = &'a String>,
    ) -> io::Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let found = ids
            .into_iter()
            .filter_map(|id| Some((id, state.grants.get(id)?)));
        let changed = found.filter(|(_, grant)| grant.is_kept);
        let changed: Vec<_> = changed
            .map(|(id, grant)| KeptGrant {
                id: id.clone(),
                token_sha256: grant.hash.clone(),
                catalog_url: grant.right.catalog().clone(),
                created_at: grant.created_at,
                expires_at: grant.expires.wall,
                is_retired: grant.is_retired,
                without_api_keys: grant.right.without_api_keys(),
            })
            .collect();
        file.update(|kept| {
            kept.port = state.port;
            kept.grants
                .retain(|kept| changed.iter().all(|changed| changed.id != kept.id));
            kept.grants.extend(changed);
        })
    }

    /// Strikes grants out of what is kept; all of them for `None`.
    pub(super) fn strike(&self, id: Option<&str>) {
        let Some(file) = &self.file else { return };
        let struck = file.update(|kept| match id {
            Some(id) => kept.grants.retain(|kept| kept.id != id),
            None => *kept = Kept::default(),
        });
        if let Err(error) = struck {
            tracing::warn!("cannot write down the grants: {}", files::words(&error));
        }
    }
}
