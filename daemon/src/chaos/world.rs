//! Sessions and credentials over that stack, and a clock that moves when told.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use quilt_proto::{CatalogUrl, ProfileName, Secret};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::stack::FakeStack;
use crate::aws::Aws;
use crate::clock::manual::ManualClock;
use crate::clock::{Clock, SharedClock};
use crate::credential::{self, AwsCredentials, CredentialError, Vault};
use crate::keys::Keys;
use crate::metrics::{RefreshMeter, Upstream};
use crate::quilt3::ConfigFile;
use crate::refresh;
use crate::session::{self, Session, SessionError, SessionEvents, Sessions};
use crate::settings::SettingsFile;
use crate::stack::StackClient;
use crate::token_store::{LoginMethod, Record, Store};

/// Longer than any test.
pub(super) const LONG: Duration = Duration::from_hours(24);

/// How somebody is logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Login {
    Code,
    OAuth,
    Key,
}

pub(super) struct World {
    pub(super) clock: Arc<ManualClock>,
    pub(super) fake: Arc<FakeStack>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) session: Arc<Session>,
    pub(super) vault: Arc<Vault>,
    pub(super) keys: Arc<Keys>,
    pub(super) stack: Arc<StackClient>,
    /// Home of settings and configuration.
    pub(super) dir: tempfile::TempDir,
}

impl World {
    /// With a client of its own.
    pub(super) async fn new(login: Login) -> Self {
        Self::over(login, &stack()).await
    }

    pub(super) async fn over(login: Login, stack: &Arc<StackClient>) -> Self {
        refresh::without_jitter();
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(1_800_000_000));
        let fake = FakeStack::start(&clock).await;
        let (store, tasks) = (Store::in_memory(), TaskTracker::new());
        let events = SessionEvents::default();
        let catalog: CatalogUrl = fake.url.parse().unwrap();
        if login != Login::Key {
            store.put(&catalog, record(&fake, &clock, login)).await;
        }
        let shared: SharedClock = Arc::<ManualClock>::clone(&clock);
        let dependencies = session::Dependencies {
            tasks: tasks.clone(),
            events: events.clone(),
            ..session::Dependencies::of_test(Arc::clone(stack), store, Arc::clone(&shared))
        };
        let sessions = Arc::new(Sessions::load(dependencies).await.unwrap());
        let session = sessions.session(&catalog);
        let settings = Arc::new(SettingsFile::new(dir.path().join("quiltd.toml")));
        let vault = Vault::new(credential::Dependencies {
            sessions: Arc::clone(&sessions),
            config: ConfigFile::new(dir.path().to_owned()),
            stack: Arc::clone(stack),
            aws: Arc::new(Aws::new(&Arc::default(), &Upstream::default()).await),
            settings: Arc::clone(&settings),
            in_use: Arc::new(|_, profile| profile.to_string() == "granted"),
            clock: Arc::clone(&shared),
            meter: RefreshMeter::default(),
            changes: events.changes.clone(),
        });
        let keys = Keys::new(Arc::clone(stack), shared, tasks);
        let world = Self {
            clock,
            fake,
            sessions,
            session,
            vault,
            keys: Arc::new(keys),
            stack: Arc::clone(stack),
            dir,
        };
        if login == Login::Key {
            let key = world.fake.lock().key.parse().unwrap();
            let set = world.keys.set(&world.session, &key, None).await.unwrap();
            assert!(set.me.is_ok(), "{set:?}");
        }
        world
    }

    /// AWS credentials, as any program asks for them.
    pub(super) fn credentials(
        &self,
    ) -> impl Future<Output = Result<AwsCredentials, CredentialError>> + Send + 'static {
        let (vault, session) = (Arc::clone(&self.vault), Arc::clone(&self.session));
        async move {
            let profile = ProfileName::default_profile();
            vault.credentials(&session, &profile, LONG).await
        }
    }

    /// Who that is, as `whoami` asks.
    pub(super) fn me(&self) -> impl Future<Output = Result<(), SessionError>> + Send + 'static {
        let session = Arc::clone(&self.session);
        async move { session.me(LONG).await.map(drop) }
    }

    /// Lets time pass, a second at a time, with all that is due in each.
    pub(super) async fn pass(&self, seconds: u64) {
        for _ in 0..seconds {
            self.clock.advance(1);
            self.settle().await;
        }
    }

    /// Lets time pass at once.
    pub(super) async fn leap(&self, seconds: u64) {
        self.clock.advance(seconds);
        self.settle().await;
    }

    /// Lets whatever can go on do so, requests to the stack included.
    pub(super) async fn settle(&self) {
        loop {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            if self.stack.in_flight() == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_micros(100)).await;
        }
    }

    /// What something comes to, however much time it takes.
    pub(super) async fn outcome<T: Send + 'static>(
        &self,
        asked: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let asked: JoinHandle<T> = tokio::spawn(asked);
        self.settle().await;
        while !asked.is_finished() {
            self.pass(1).await;
        }
        asked.await.unwrap()
    }
}

/// A client, which takes its time to be made.
pub(super) fn stack() -> Arc<StackClient> {
    Arc::new(StackClient::default())
}

fn record(fake: &FakeStack, clock: &ManualClock, login: Login) -> Record {
    let inner = fake.lock();
    let method = match login {
        Login::OAuth => LoginMethod::OAuth {
            client_id: "client".to_owned(),
            token_endpoint: format!("{}/auth/token", fake.url),
            revocation_endpoint: None,
        },
        _ => LoginMethod::Code,
    };
    Record {
        method,
        refresh_token: Secret::new(inner.refresh.clone()),
        access_token: Secret::new(inner.access.clone()),
        ..Record::of_test(fake.url.parse().unwrap(), clock.now().wall)
    }
}
