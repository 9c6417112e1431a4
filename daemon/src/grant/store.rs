//! Every grant there is, and the listeners that are there for them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use quilt_proto::wire::GrantStatus;
use quilt_proto::{CatalogUrl, Timestamp};
use subtle::Choice;
use tempfile::TempPath;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::error::GrantError;
use super::issued::{AuthorizedGrant, Issued, Life};
use super::lifetime::{ExpiryTimer, PERSISTENT_SECONDS, PROCESS_BOUND_SECONDS};
use super::persistent::PersistentFile;
use super::token::{self, TokenHash};
use super::token_files::TokenFiles;
use super::{Kind, ProcessHandle, Right};
use crate::changes::Changes;
use crate::clock::{Deadline, Moment, SharedClock};
use crate::files::Stamp;

/// A running listener; it stops when this is dropped.
#[derive(Debug)]
pub struct Endpoint {
    address: SocketAddr,
    _stop: DropGuard,
}

impl Endpoint {
    /// A listener on `address` that serves until `stop` is cancelled.
    pub fn new(address: SocketAddr, stop: CancellationToken) -> Self {
        Self {
            address,
            _stop: stop.drop_guard(),
        }
    }
}

/// The store.
pub struct Grants {
    pub(super) clock: SharedClock,
    pub(super) file: PersistentFile,
    token_files: TokenFiles,
    pub(super) changes: Changes,
    /// One change of the file at a time.
    pub(super) changing: tokio::sync::Mutex<()>,
    pub(super) state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) grants: BTreeMap<String, Grant>,
    pub(super) endpoints: BTreeMap<Kind, Endpoint>,
    /// Where kept grants are good, whether somebody listens there or not.
    pub(super) port: Option<u16>,
    /// The version of the file that kept grants are in line with.
    pub(super) seen: Option<Stamp>,
    /// Persistent grants that were taken back and are still written down.
    pub(super) unrevoked: BTreeSet<String>,
}

pub(super) struct Grant {
    pub(super) right: Right,
    pub(super) hash: TokenHash,
    pub(super) created_at: Timestamp,
    pub(super) expires: Deadline,
    pub(super) last_used_at: Option<Timestamp>,
    pub(super) holder: Option<u32>,
    pub(super) is_persistent: bool,
    /// Its holder has been given another.
    pub(super) is_superseded: bool,
    /// Until when it is good by what is written down.
    pub(super) written: Timestamp,
    pub(super) saving: Saving,
    /// Removed with the grant.
    pub(super) _token_file: Option<TempPath>,
    /// Ends the task that waits for the grant's end.
    pub(super) ended: CancellationToken,
    pub(super) _ended: DropGuard,
}

/// What is written down of a grant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Saving {
    /// Nothing yet, or never.
    Unsaved,
    /// All of it; where it is no longer, somebody has taken it back.
    Saved,
    /// That it is good for longer is being written.
    Renewing,
}

impl Grants {
    /// Those kept in a state directory; [`Self::resume`] takes them up. Tokens of
    /// grants that live with a process are in files beside `socket`. Every grant
    /// that is made or ends is told of by `changes`.
    pub fn new(state_dir: &Path, socket: &Path, clock: SharedClock, changes: Changes) -> Self {
        Self {
            clock,
            file: PersistentFile::in_dir(state_dir),
            token_files: TokenFiles::beside(socket),
            changes,
            changing: tokio::sync::Mutex::default(),
            state: Mutex::default(),
        }
    }

    /// Makes a grant. `open` is called for the first one of its kind, and
    /// starts the listener; it is told the port that programs know, if any.
    /// Must be called inside a tokio runtime.
    pub async fn issue(
        self: &Arc<Self>,
        right: Right,
        life: Life,
        open: impl FnOnce(Option<u16>) -> io::Result<Endpoint> + Send,
    ) -> Result<Issued, GrantError> {
        let random = |_| GrantError::System(io::Error::other("no random numbers"));
        let now = self.clock.now();
        let token = match right.kind() {
            Kind::Registry => token::for_registry(now.wall),
            Kind::Credentials => token::random(),
        };
        let (id, token) = (token::id().map_err(random)?, token.map_err(random)?);
        let (seconds, holder, is_persistent) = match life {
            Life::Seconds(seconds) => (seconds, None, false),
            Life::While(holder) => (PROCESS_BOUND_SECONDS, Some(holder), false),
            Life::Persistent => (PERSISTENT_SECONDS, None, true),
        };
        let token_file = holder.as_ref().map(|_| self.token_files.write(&token));
        let token_file = token_file.transpose().map_err(GrantError::NoTokenFile)?;
        let token_path = token_file.as_ref().map(|file| file.to_path_buf());
        let kind = right.kind();
        let turn = if is_persistent {
            Some(self.turn().await.map_err(GrantError::Unsaved)?)
        } else {
            None
        };
        let expires = now.after(seconds);
        let ended = CancellationToken::new();
        let grant = Grant {
            right,
            hash: TokenHash::of(token.expose()),
            created_at: now.wall,
            expires,
            last_used_at: None,
            holder: holder.as_ref().map(ProcessHandle::pid),
            is_persistent,
            is_superseded: false,
            written: expires.wall,
            saving: Saving::Unsaved,
            _token_file: token_file,
            ended: ended.clone(),
            _ended: ended.clone().drop_guard(),
        };
        let (address, superseded) = {
            let mut state = self.state.lock();
            if is_persistent {
                self.drop_revoked(&mut state).map_err(GrantError::Unsaved)?;
            }
            if !state.is_within_quota(is_persistent, grant.holder) {
                return Err(GrantError::TooMany);
            }
            let known = state.port.filter(|_| is_persistent);
            let address = match state.endpoints.get(&kind) {
                Some(endpoint) => endpoint.address,
                None => state.endpoints.entry(kind).or_insert(open(known)?).address,
            };
            tracing::info!(id, right = ?grant.right, pid = grant.holder, "grant issued");
            state.grants.insert(id.clone(), grant);
            let mut superseded = Vec::new();
            if is_persistent {
                state.port = Some(address.port());
                superseded = state.supersede_others(&id, now);
            }
            (address, superseded)
        };
        if is_persistent {
            let kept: Vec<_> = self.state.lock().grants.keys().cloned().collect();
            if let Err(error) = self.save(&kept).await {
                let mut state = self.state.lock();
                state.remove(&id);
                state.restore_superseded(superseded);
                return Err(GrantError::Unsaved(error));
            }
            if let Some(grant) = self.state.lock().grants.get_mut(&id) {
                grant.saving = Saving::Saved;
            }
        }
        drop(turn);
        self.changes.announce();
        ExpiryTimer::start(Arc::clone(self), id.clone(), holder, now, ended);
        Ok(Issued {
            id,
            token,
            expires_at: expires.wall,
            address,
            token_file: token_path,
        })
    }

    /// Takes a grant back, for good; false if there is none of that name.
    pub async fn revoke(self: &Arc<Self>, id: &str) -> Result<bool, GrantError> {
        let ended = self.end(id, "it was revoked").await;
        ended.map_err(|source| GrantError::HalfRevoked {
            id: Some(id.to_owned()),
            source,
        })
    }

    /// Takes back every grant of a kind, for good; answers how many there were.
    pub async fn revoke_kind(self: &Arc<Self>, kind: Kind) -> Result<usize, GrantError> {
        let ended: Vec<String> = {
            let mut state = self.state.lock();
            state.endpoints.remove(&kind);
            let of_kind = |_: &String, grant: &mut Grant| grant.right.kind() == kind;
            let ended = state.grants.extract_if(.., of_kind);
            ended.map(|(id, _)| id).collect()
        };
        self.changes.announce();
        if kind == Kind::Registry {
            if let Err(source) = self.remove_all_saved().await {
                for id in &ended {
                    self.remove_saved_later(id);
                }
                return Err(GrantError::HalfRevoked { id: None, source });
            }
            self.state.lock().port = None;
        }
        Ok(ended.len())
    }

    /// Stops listening, because the daemon does.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.grants.clear();
        state.endpoints.clear();
    }

    /// Ends a grant at once, and then for good; false if there is none.
    pub(super) async fn end(self: &Arc<Self>, id: &str, reason: &str) -> io::Result<bool> {
        let ended = self.state.lock().remove(id);
        let is_persistent = match ended {
            Some(grant) => {
                tracing::info!(id, reason, "grant ended");
                self.changes.announce();
                grant.is_persistent
            }
            None if self.is_unrevoked(id) => true,
            None => return Ok(false),
        };
        if is_persistent {
            self.remove_saved(id).await?;
        }
        Ok(true)
    }

    /// What a token opens, if it is a grant's, and that it was used. Must be
    /// called inside a tokio runtime.
    pub fn open(self: &Arc<Self>, token: &str) -> Option<AuthorizedGrant> {
        let now = self.clock.now();
        let mut state = self.state.lock();
        let id = state.find(token, now)?;
        if state.grants.get(&id)?.is_persistent {
            // Another daemon may have taken it back.
            self.follow_file(&mut state);
        }
        let grant = state.grants.get_mut(&id)?;
        grant.last_used_at = Some(now.wall);
        let is_to_be_saved = grant.renew_by_use(now);
        let opened = AuthorizedGrant {
            id: id.clone(),
            right: grant.right.clone(),
            pid: grant.holder,
            ended: grant.ended.clone(),
        };
        if is_to_be_saved {
            self.save_later(id);
        }
        Some(opened)
    }

    /// What a token would open, were it used: looking leaves no trace.
    pub fn right(&self, token: &str) -> Option<Right> {
        let state = self.as_written();
        let id = state.find(token, self.clock.now())?;
        Some(state.grants.get(&id)?.right.clone())
    }

    /// Where grants of a kind are good, while somebody listens there.
    pub fn address(&self, kind: Kind) -> Option<SocketAddr> {
        let state = self.state.lock();
        state.endpoints.get(&kind).map(|endpoint| endpoint.address)
    }

    /// Whether grants of any kind are good at a port.
    pub fn listens_at(&self, port: u16) -> bool {
        let state = self.state.lock();
        let mut endpoints = state.endpoints.values();
        endpoints.any(|endpoint| endpoint.address.port() == port)
    }

    /// The port programs have been told, whether somebody listens there or not.
    pub fn port(&self) -> Option<u16> {
        self.state.lock().port
    }

    /// The catalogs whose registry some grant opens that is kept.
    pub fn registries(&self) -> BTreeSet<CatalogUrl> {
        let state = self.as_written();
        let kept = state.grants.values().filter(|grant| grant.is_persistent);
        kept.map(|grant| grant.right.catalog().clone()).collect()
    }

    /// Every grant that is good, without its token.
    pub fn list(&self) -> Vec<GrantStatus> {
        let now = self.clock.now();
        self.as_written()
            .grants
            .iter()
            .filter(|(_, grant)| !grant.expires.reached(now))
            .map(|(id, grant)| GrantStatus {
                id: id.clone(),
                kind: grant.right.kind(),
                catalog_url: grant.right.catalog().clone(),
                profile: grant.right.profile().cloned(),
                created_at: grant.created_at,
                expires_at: grant.expires.wall,
                last_used_at: grant.last_used_at,
                pid: grant.holder,
                without_api_keys: grant.right.without_api_keys(),
            })
            .collect()
    }
}

impl State {
    /// The live grant of a token. Takes as long for any token of the same
    /// length, whether it is nearly right or not at all.
    fn find(&self, token: &str, now: Moment) -> Option<String> {
        let hash = TokenHash::of(token);
        let mut found = None;
        for (id, grant) in &self.grants {
            let live = Choice::from(u8::from(!grant.expires.reached(now)));
            if bool::from(grant.hash.is(&hash) & live) {
                found = Some(id.clone());
            }
        }
        found
    }

    /// Takes a grant out, and with the last of its kind the listener.
    fn remove(&mut self, id: &str) -> Option<Grant> {
        let grant = self.grants.remove(id)?;
        let kind = grant.right.kind();
        if !self.grants.values().any(|other| other.right.kind() == kind) {
            self.endpoints.remove(&kind);
        }
        Some(grant)
    }
}
