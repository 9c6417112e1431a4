//! Every grant there is, and the listener that is there for them.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quilt_proto::wire::GrantStatus;
use quilt_proto::{Secret, Timestamp};
use subtle::Choice;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::token::{self, TokenHash};
use super::{Holder, Right};
use crate::clock::{Deadline, Moment, SharedClock};

/// More than anybody needs, and bounded.
const MOST: usize = 1000;

/// A grant tied to a process is good for this long at a time, in seconds, and
/// renewed at half of it: should the watch ever fail, the grant ends too.
const HELD_SECONDS: i64 = 3600;

/// How long a grant lives.
#[derive(Debug)]
pub enum Life {
    /// This many seconds.
    Seconds(i64),
    /// As long as a process runs.
    While(Holder),
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
}

/// Why there is no grant.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// Nothing more is kept.
    #[error("there are {MOST} grants already; revoke some")]
    TooMany,
    /// No listener, or no randomness.
    #[error("cannot listen on 127.0.0.1: {0}")]
    System(#[from] io::Error),
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
    clock: SharedClock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    grants: BTreeMap<String, Grant>,
    endpoint: Option<Endpoint>,
}

struct Grant {
    right: Right,
    hash: TokenHash,
    created_at: Timestamp,
    expires: Deadline,
    last_used_at: Option<Timestamp>,
    holder: Option<u32>,
    /// Ends the task that waits for the grant's end.
    _ended: DropGuard,
}

impl Grants {
    /// None yet.
    pub fn new(clock: SharedClock) -> Self {
        Self {
            clock,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a grant. `open` is called for the first one, and starts the
    /// listener. Must be called inside a tokio runtime.
    pub fn issue(
        self: &Arc<Self>,
        right: Right,
        life: Life,
        open: impl FnOnce() -> io::Result<Endpoint>,
    ) -> Result<Issued, GrantError> {
        let random = |_| GrantError::System(io::Error::other("no random numbers"));
        let (id, token) = (
            token::id().map_err(random)?,
            token::random().map_err(random)?,
        );
        let now = self.clock.now();
        let (seconds, holder) = match life {
            Life::Seconds(seconds) => (seconds, None),
            Life::While(holder) => (HELD_SECONDS, Some(holder)),
        };
        let mut state = self.state();
        if state.grants.len() >= MOST {
            return Err(GrantError::TooMany);
        }
        let address = match &state.endpoint {
            Some(endpoint) => endpoint.address,
            None => state.endpoint.insert(open()?).address,
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
            _ended: ended.clone().drop_guard(),
        };
        tracing::info!(id, right = ?grant.right, pid = grant.holder, "grant issued");
        state.grants.insert(id.clone(), grant);
        drop(state);
        tokio::spawn(Arc::clone(self).attend(id.clone(), holder, now, ended));
        Ok(Issued {
            id,
            token,
            expires_at: expires.wall,
            address,
        })
    }

    /// Ends a grant when its time has come.
    async fn attend(
        self: Arc<Self>,
        id: String,
        holder: Option<Holder>,
        issued: Moment,
        ended: CancellationToken,
    ) {
        let Some(holder) = holder else {
            let Some(expires) = self.expires(&id) else {
                return;
            };
            tokio::select! {
                () = ended.cancelled() => {}
                () = self.clock.sleep_until(expires) => drop(self.end(&id, "it expired")),
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

    /// Takes a grant back; false if there is none of that name.
    pub fn revoke(&self, id: &str) -> bool {
        self.end(id, "it was revoked")
    }

    /// Takes every grant back.
    pub fn revoke_all(&self) {
        let mut state = self.state();
        state.grants.clear();
        state.endpoint = None;
    }

    fn end(&self, id: &str, reason: &str) -> bool {
        let mut state = self.state();
        let ended = state.grants.remove(id).is_some();
        if ended {
            tracing::info!(id, reason, "grant ended");
        }
        if state.grants.is_empty() {
            state.endpoint = None;
        }
        ended
    }

    /// What a token opens, if it is a grant's. Takes as long for any token of
    /// the same length, whether it is nearly right or not at all.
    pub fn open(&self, token: &str) -> Option<Right> {
        let hash = TokenHash::of(token);
        let now = self.clock.now();
        let mut state = self.state();
        let mut found = None;
        for grant in state.grants.values_mut() {
            let live = Choice::from(u8::from(!grant.expires.reached(now)));
            if bool::from(grant.hash.is(&hash) & live) {
                grant.last_used_at = Some(now.wall);
                found = Some(grant.right.clone());
            }
        }
        found
    }

    /// Where grants are good, while there are any.
    pub fn address(&self) -> Option<SocketAddr> {
        self.state()
            .endpoint
            .as_ref()
            .map(|endpoint| endpoint.address)
    }

    /// Every grant, without its token.
    pub fn list(&self) -> Vec<GrantStatus> {
        self.state()
            .grants
            .iter()
            .map(|(id, grant)| {
                let Right::Credentials { catalog, profile } = &grant.right;
                GrantStatus {
                    id: id.clone(),
                    kind: "credentials".to_owned(),
                    catalog_url: catalog.clone(),
                    profile: Some(profile.clone()),
                    created_at: grant.created_at,
                    expires_at: grant.expires.wall,
                    last_used_at: grant.last_used_at,
                    pid: grant.holder,
                }
            })
            .collect()
    }
}
