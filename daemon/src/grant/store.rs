//! Every grant there is, and the listeners that are there for them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quilt_proto::wire::GrantStatus;
use quilt_proto::{CatalogUrl, Secret, Timestamp};
use subtle::Choice;
use tempfile::TempPath;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::kept::KeptFile;
use super::token::{self, TokenHash};
use super::token_files::TokenFiles;
use super::{Holder, Kind, Right};
use crate::changes::Changes;
use crate::clock::{Deadline, Moment, SharedClock};
use crate::files::{self, Stamp};

/// A grant tied to a process is good for this long at a time, in seconds, and
/// renewed at half of it: should the watch ever fail, the grant ends too.
pub(super) const HELD_SECONDS: i64 = 3600;

/// A grant that is renewed by use ends after this long without any, in seconds.
const KEPT_SECONDS: i64 = 90 * DAY;

/// Such a renewal is written down this often, in seconds.
const DAY: i64 = 24 * 3600;

/// How long a grant lives.
#[derive(Debug)]
pub enum Life {
    /// This many seconds.
    Seconds(i64),
    /// As long as a process runs.
    While(Holder),
    /// 90 days from its last use, restarts of the daemon included.
    Kept,
}

/// What a token turned out to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The grant's name.
    pub id: String,
    /// What it opens.
    pub right: Right,
    /// The process it lives with.
    pub pid: Option<u32>,
}

/// A new grant; the only time its token is seen.
#[derive(Debug)]
pub struct Issued {
    /// Its name.
    pub id: String,
    /// What proves it.
    pub token: Secret,
    /// When it ends, unless it is renewed or revoked.
    pub expires_at: Timestamp,
    /// Where it is good.
    pub address: SocketAddr,
    /// A file that holds the token and goes with the grant, where it lives
    /// with a process.
    pub token_file: Option<PathBuf>,
}

/// Why there is no grant.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// Nothing more is kept.
    #[error("there are as many grants of that kind as there may be")]
    TooMany,
    /// No listener, or no randomness.
    #[error("cannot listen on 127.0.0.1: {0}")]
    System(#[from] io::Error),
    /// The token cannot be put where programs read it.
    #[error("cannot write the grant's token to a file: {}", .0.kind())]
    NoTokenFile(#[source] io::Error),
    /// It would not survive the daemon.
    #[error("cannot write down the grant: {}", files::words(.0))]
    Unkept(#[source] io::Error),
}

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
    pub(super) file: Option<KeptFile>,
    token_files: Option<TokenFiles>,
    pub(super) changes: Changes,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) grants: BTreeMap<String, Grant>,
    pub(super) endpoints: BTreeMap<Kind, Endpoint>,
    /// Where kept grants are good, whether somebody listens there or not.
    pub(super) port: Option<u16>,
    /// The version of the file that kept grants are in line with.
    pub(super) seen: Option<Stamp>,
}

pub(super) struct Grant {
    pub(super) right: Right,
    pub(super) hash: TokenHash,
    pub(super) created_at: Timestamp,
    pub(super) expires: Deadline,
    pub(super) last_used_at: Option<Timestamp>,
    pub(super) holder: Option<u32>,
    pub(super) is_kept: bool,
    /// Its holder has been given another.
    pub(super) is_retired: bool,
    /// Removed with the grant.
    pub(super) _token_file: Option<TempPath>,
    /// Ends the task that waits for the grant's end.
    pub(super) _ended: DropGuard,
}

impl Grants {
    /// None yet, and none outlives the daemon.
    pub fn new(clock: SharedClock) -> Self {
        Self {
            clock,
            file: None,
            token_files: None,
            changes: Changes::default(),
            state: Mutex::default(),
        }
    }

    /// Those kept in a state directory. [`Self::resume`] takes them up.
    pub fn kept_in(dir: &Path, clock: SharedClock) -> Self {
        Self {
            file: Some(KeptFile::in_dir(dir)),
            ..Self::new(clock)
        }
    }

    /// Has tokens of grants that live with a process in files beside `socket`.
    #[must_use]
    pub fn with_token_files_beside(self, socket: &Path) -> Self {
        Self {
            token_files: Some(TokenFiles::beside(socket)),
            ..self
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a grant. `open` is called for the first one of its kind, and
    /// starts the listener; it is told the port that programs know, if any.
    /// Must be called inside a tokio runtime.
    pub fn issue(
        self: &Arc<Self>,
        right: Right,
        life: Life,
        open: impl FnOnce(Option<u16>) -> io::Result<Endpoint>,
    ) -> Result<Issued, GrantError> {
        let random = |_| GrantError::System(io::Error::other("no random numbers"));
        let now = self.clock.now();
        let token = match right.kind() {
            Kind::Registry => token::for_registry(now.wall),
            Kind::Credentials => token::random(),
        };
        let (id, token) = (token::id().map_err(random)?, token.map_err(random)?);
        let (seconds, holder, is_kept) = match life {
            Life::Seconds(seconds) => (seconds, None, false),
            Life::While(holder) => (HELD_SECONDS, Some(holder), false),
            Life::Kept => (KEPT_SECONDS, None, true),
        };
        let token_file = match &self.token_files {
            Some(files) if holder.is_some() => {
                Some(files.write(&token).map_err(GrantError::NoTokenFile)?)
            }
            _ => None,
        };
        let token_path = token_file.as_ref().map(|file| file.to_path_buf());
        let kind = right.kind();
        let mut state = self.state();
        if is_kept {
            self.drop_struck(&mut state).map_err(GrantError::Unkept)?;
        }
        if !state.has_room(is_kept, holder.as_ref().map(Holder::pid)) {
            return Err(GrantError::TooMany);
        }
        let known = state.port.filter(|_| is_kept);
        let address = match state.endpoints.get(&kind) {
            Some(endpoint) => endpoint.address,
            None => state.endpoints.entry(kind).or_insert(open(known)?).address,
        };
        let expires = now.after(seconds);
        let ended = CancellationToken::new();
        let grant = Grant {
            right,
            hash: TokenHash::of(token.expose()),
            created_at: now.wall,
            expires,
            last_used_at: None,
            holder: holder.as_ref().map(Holder::pid),
            is_kept,
            is_retired: false,
            _token_file: token_file,
            _ended: ended.clone().drop_guard(),
        };
        tracing::info!(id, right = ?grant.right, pid = grant.holder, "grant issued");
        state.grants.insert(id.clone(), grant);
        if is_kept {
            state.port = Some(address.port());
            state.retire_others(&id, now);
            if let Err(error) = self.save(&state, state.grants.keys()) {
                state.remove(&id);
                return Err(GrantError::Unkept(error));
            }
        }
        drop(state);
        self.changes.announce();
        tokio::spawn(Arc::clone(self).attend(id.clone(), holder, now, ended));
        Ok(Issued {
            id,
            token,
            expires_at: expires.wall,
            address,
            token_file: token_path,
        })
    }

    /// Takes a grant back; false if there is none of that name.
    pub fn revoke(&self, id: &str) -> bool {
        self.end(id, "it was revoked")
    }

    /// Takes back every grant of a kind, for good; answers how many there were.
    pub fn revoke_kind(&self, kind: Kind) -> usize {
        let mut state = self.state();
        let before = state.grants.len();
        state.grants.retain(|_, grant| grant.right.kind() != kind);
        state.endpoints.remove(&kind);
        let ended = before - state.grants.len();
        if kind == Kind::Registry {
            state.port = None;
            self.strike(None);
        }
        self.changes.announce();
        ended
    }

    /// Stops listening, because the daemon does.
    pub fn close(&self) {
        let mut state = self.state();
        state.grants.clear();
        state.endpoints.clear();
    }

    pub(super) fn end(&self, id: &str, reason: &str) -> bool {
        let mut state = self.state();
        let Some(grant) = state.remove(id) else {
            return false;
        };
        tracing::info!(id, reason, "grant ended");
        drop(state);
        self.changes.announce();
        if grant.is_kept {
            self.strike(Some(id));
        }
        true
    }

    /// What a token opens, if it is a grant's, and that it was used.
    pub fn open(&self, token: &str) -> Option<Opened> {
        let now = self.clock.now();
        let mut state = self.state();
        self.follow_file(&mut state);
        let id = state.find(token, now)?;
        let grant = state.grants.get_mut(&id)?;
        grant.last_used_at = Some(now.wall);
        let is_renewed = grant.is_kept && !grant.is_retired;
        let is_due = grant.expires.seconds_left(now) < KEPT_SECONDS - DAY;
        let opened = Opened {
            id: id.clone(),
            right: grant.right.clone(),
            pid: grant.holder,
        };
        if is_renewed && is_due {
            grant.expires = now.after(KEPT_SECONDS);
            if let Err(error) = self.save(&state, [&id]) {
                tracing::warn!("cannot write down the grants: {}", files::words(&error));
            }
        }
        Some(opened)
    }

    /// What a token would open, were it used: looking leaves no trace.
    pub fn right(&self, token: &str) -> Option<Right> {
        let state = self.state();
        let id = state.find(token, self.clock.now())?;
        Some(state.grants.get(&id)?.right.clone())
    }

    /// Where grants of a kind are good, while somebody listens there.
    pub fn address(&self, kind: Kind) -> Option<SocketAddr> {
        let state = self.state();
        state.endpoints.get(&kind).map(|endpoint| endpoint.address)
    }

    /// The port programs have been told, whether somebody listens there or not.
    pub fn port(&self) -> Option<u16> {
        self.state().port
    }

    /// The catalogs whose registry some grant opens that is kept.
    pub fn registries(&self) -> BTreeSet<CatalogUrl> {
        let state = self.state();
        let kept = state.grants.values().filter(|grant| grant.is_kept);
        kept.map(|grant| grant.right.catalog().clone()).collect()
    }

    /// Every grant, without its token.
    pub fn list(&self) -> Vec<GrantStatus> {
        self.state()
            .grants
            .iter()
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

    /// One kept grant of a catalog is in use at a time: programs that still have
    /// an older one are given a day to end.
    fn retire_others(&mut self, id: &str, now: Moment) {
        let catalog = self
            .grants
            .get(id)
            .map(|grant| grant.right.catalog().clone());
        for (other, grant) in &mut self.grants {
            let is_of_it = Some(grant.right.catalog()) == catalog.as_ref();
            if grant.is_kept && is_of_it && other != id {
                grant.is_retired = true;
                grant.expires = grant.expires.min(now.after(DAY));
            }
        }
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
