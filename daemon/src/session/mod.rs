//! Who the user is, one session a catalog.
//!
//! A session is an interactive login whose tokens rotate, overridden by an API
//! key while one is set. Every change of who that is raises its
//! [`Identity`], by which whatever was obtained before is told apart.

mod api_key;
mod api_key_slot;
mod authorized_request;
pub mod bearer;
mod epoch;
mod error;
mod identity;
mod key_in_use;
mod key_origin;
mod key_recheck_schedule;
pub mod known_user;
pub mod login;
mod login_outcome;
pub mod logout;
mod registry_trust;
mod renewed_user;
mod role_switch;
#[expect(
    clippy::module_inception,
    reason = "the type that the folder is named after"
)]
mod session;
mod store_sync;
#[cfg(test)]
mod tests;
mod token_rotation;
mod unsaved_tokens;
pub mod web_login;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use quilt_proto::{ApiKeySecret, CatalogUrl};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

pub use self::api_key::UnreadKey;
pub use self::api_key_slot::{ApiKeySlot, KeySerial};
pub use self::bearer::Bearer;
pub use self::epoch::Epoch;
pub use self::error::SessionError;
pub use self::identity::{Identity, SessionEvents};
pub use self::key_in_use::{KeyInfo, Rotation, UntrustedRegistry};
pub use self::key_origin::{KeyMark, KeyOrigin, read_anew};
pub use self::login_outcome::{LoginOutcome, SLOW, WHOSE_TIMEOUT};
pub use self::registry_trust::{RegistryTrust, TrustedRegistry};
pub use self::session::Session;
pub use self::token_rotation::RECHECK;
pub use self::web_login::{Connect, Redirect, WebLogin};
use crate::clock::SharedClock;
use crate::files::Stamp;
use crate::metrics::RefreshMeter;
use crate::stack::StackClient;
use crate::token_store::{SecretHash, Store, StoreError};

/// How many catalogs without a session are remembered.
const MAX_IDLE: usize = 64;

/// What sessions are made of.
#[derive(Clone)]
pub struct Dependencies {
    /// The upstream.
    pub stack: Arc<StackClient>,
    /// Where refresh tokens survive.
    pub store: Store,
    /// Time.
    pub clock: SharedClock,
    /// Tasks a stopping daemon waits for.
    pub tasks: TaskTracker,
    /// Counts rotations.
    pub meter: RefreshMeter,
    /// Where sessions announce what they become.
    pub events: SessionEvents,
    /// The ports of this daemon itself.
    pub own_ports: OwnPorts,
}

#[cfg(test)]
impl Dependencies {
    /// Of a daemon that counts, announces and listens for nobody.
    pub(crate) fn of_test(stack: Arc<StackClient>, store: Store, clock: SharedClock) -> Self {
        Self {
            stack,
            store,
            clock,
            tasks: TaskTracker::new(),
            meter: RefreshMeter::default(),
            events: SessionEvents::default(),
            own_ports: OwnPorts::default(),
        }
    }
}

/// Whether this daemon itself listens on a port of this machine.
#[derive(Clone)]
pub struct OwnPorts(Arc<dyn Fn(u16) -> bool + Send + Sync>);

impl OwnPorts {
    /// What `listens_at` says.
    pub fn new(listens_at: impl Fn(u16) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(listens_at))
    }

    /// Whether it does.
    pub fn listens_at(&self, port: u16) -> bool {
        (self.0)(port)
    }
}

/// It does not listen.
impl Default for OwnPorts {
    fn default() -> Self {
        Self::new(|_| false)
    }
}

/// All sessions.
pub struct Sessions {
    dependencies: Dependencies,
    by_catalog: Mutex<HashMap<CatalogUrl, Arc<Session>>>,
    /// The version of the store that the sessions are in line with.
    seen: Mutex<Option<Stamp>>,
    /// One reading of it at a time.
    following: tokio::sync::Mutex<()>,
}

impl Sessions {
    /// Takes up the stored logins.
    pub async fn load(dependencies: Dependencies) -> Result<Self, StoreError> {
        let seen = dependencies.store.stamp();
        let document = dependencies.store.load().await?;
        let sessions = Self {
            dependencies,
            by_catalog: Mutex::default(),
            seen: Mutex::new(seen),
            following: tokio::sync::Mutex::default(),
        };
        for (catalog, record) in document.sessions {
            sessions.session(&catalog).resume(record);
        }
        for catalog in sessions.dependencies.store.keys_in_use() {
            sessions.session(&catalog).state.lock().key_forgotten = true;
        }
        for (catalog, user) in sessions.dependencies.store.kept_users() {
            // Catalogs that were only named have no user.
            sessions.session(&catalog).state.lock().user = Some(user);
        }
        Ok(sessions)
    }

    /// The session of a catalog, logged out if nobody logged in.
    pub fn session(&self, catalog: &CatalogUrl) -> Arc<Session> {
        let mut map = self.by_catalog.lock();
        if let Some(session) = map.get(catalog) {
            return Arc::clone(session);
        }
        if map.len() >= MAX_IDLE {
            // Whoever names ever new catalogs shall not fill the memory.
            map.retain(|_, session| Arc::strong_count(session) > 1 || !session.is_only_named());
        }
        let session = Arc::new(Session::new(catalog.clone(), self.dependencies.clone()));
        map.insert(catalog.clone(), Arc::clone(&session));
        session
    }

    /// Every session there is, those another daemon has stored included.
    pub async fn all_stored(&self) -> Result<Vec<Arc<Session>>, StoreError> {
        let document = self.dependencies.store.load().await?;
        // What cannot be told is said where it matters: at the logout.
        let out_of_reach = self.dependencies.store.out_of_reach().unwrap_or_default();
        for catalog in document.sessions.keys().chain(&out_of_reach) {
            self.session(catalog);
        }
        Ok(self.all())
    }

    /// Every session there is, by catalog.
    pub fn all(&self) -> Vec<Arc<Session>> {
        let mut all: Vec<_> = self.by_catalog.lock().values().cloned().collect();
        all.sort_by(|a, b| a.catalog().cmp(b.catalog()));
        all
    }

    /// The catalog that is logged in, where there is one alone; where there is
    /// none, the only one whose login or key works no more: that is what there
    /// is to say then.
    pub fn only_usable(&self) -> Option<CatalogUrl> {
        let all = self.all();
        let usable = |session: &Session| session.check().is_ok();
        let lacks_key =
            |session: &Session| session.is_key_forgotten() || session.unread_key().is_some();
        let over = |session: &Session| !session.is_logged_out() || lacks_key(session);
        let is_any = all.iter().any(|session| usable(session));
        let mut meant = all.iter().filter(|session| {
            if is_any {
                usable(session)
            } else {
                over(session)
            }
        });
        match (meant.next(), meant.next()) {
            (Some(only), None) => Some(only.catalog().clone()),
            _ => None,
        }
    }

    /// Tells when some session is somebody else now, or works again.
    pub fn identities(&self) -> watch::Receiver<u64> {
        self.dependencies.events.identities.subscribe()
    }

    /// The catalogs that an API key is known to be of, by whichever daemon: the
    /// one whose registry was the first to know it, and those that the user gave
    /// it for since.
    pub fn catalogs_of_key(&self, key: &ApiKeySecret) -> Vec<CatalogUrl> {
        let hash = SecretHash::of(key.secret());
        self.dependencies.store.catalogs_of_api_key(&hash)
    }

    /// The same by a key's hash, and those where it is in use and not checked yet.
    pub fn catalogs_of_hash(&self, hash: &SecretHash) -> Vec<CatalogUrl> {
        let known = self.dependencies.store.catalogs_of_api_key(hash);
        let mut all = self.all();
        all.retain(|session| {
            let key = session.api_key().secret();
            key.is_some_and(|key| SecretHash::of(&key) == *hash)
                && !known.contains(session.catalog())
        });
        let in_use = all.iter().map(|session| session.catalog().clone());
        known.iter().cloned().chain(in_use).collect()
    }

    /// The token store.
    pub fn store(&self) -> &Store {
        &self.dependencies.store
    }
}
