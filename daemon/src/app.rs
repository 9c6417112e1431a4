//! Builds and owns the services, in the order they depend on each other.

mod checks;
mod external;
pub mod file_watch;
mod places;
pub mod region;
mod startup_keys;
mod status;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use quilt_network::Network;
use quilt_proto::wire::Me;
use quilt_proto::{ApiKeySecret, CatalogUrl, Timestamp, state_files};
use quilt_trust::{Distrust, Role};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use self::external::External;
pub use self::places::Config;
use crate::VERSION;
use crate::audit::AuditLog;
use crate::aws::Aws;
use crate::catalog_resolver::{self, CatalogError};
use crate::changes::Changes;
use crate::clock::SharedClock;
use crate::credential::{self, Vault};
use crate::doctor;
use crate::gateway::Gateway;
use crate::grant::Grants;
use crate::hardening::ProtectionAttempt;
use crate::keys::{Keys, StartupKeyError, StartupSource};
use crate::last_seen_users::Users;
use crate::metrics::Metrics;
use crate::notify::Notifier;
use crate::own_program::Program;
use crate::package::Packages;
use crate::quilt3::{ConfigFile, SdkFiles};
use crate::session::{self, Dependencies, OwnPorts, Session, SessionEvents, Sessions};
use crate::settings::SettingsFile;
use crate::stack::{StackClient, TOTAL_TIMEOUT, in_time};
use crate::token_store::{self, StoreError};

/// How long a stopping daemon waits for tokens that are being rotated: until
/// the request that was sent is over by itself, later after a freeze, and what
/// it brought is stored. Service managers wait longer before they kill it.
const ROTATION_FINISH_TIMEOUT: Duration = TOTAL_TIMEOUT.saturating_add(Duration::from_secs(10));

/// How long it waits for the audit log, which a disk may hold up.
const AUDIT_FINISH_TIMEOUT: Duration = Duration::from_secs(1);

/// How long it may take a daemon to end once nobody is served any more, and a
/// freeze that comes meanwhile.
pub const LONGEST_FINISH: Duration = ROTATION_FINISH_TIMEOUT
    .saturating_add(AUDIT_FINISH_TIMEOUT)
    .saturating_add(Duration::from_secs(3));

/// The services.
pub struct App {
    /// Upstream.
    pub stack: Arc<StackClient>,
    /// The way there.
    pub network: Arc<Network>,
    /// Who the user is.
    pub sessions: Arc<Sessions>,
    /// Which local process got what, when.
    pub audit: AuditLog,
    /// Counts for operators.
    pub metrics: Metrics,
    /// AWS credentials.
    pub vault: Arc<Vault>,
    /// API keys.
    pub keys: Arc<Keys>,
    /// Package registries.
    pub packages: Packages,
    /// AWS itself.
    pub aws: Arc<Aws>,
    /// Rights to use some of this over loopback.
    pub grants: Arc<Grants>,
    /// The registry, for the Python SDK.
    pub gateway: Gateway,
    /// What the user set.
    pub settings: Arc<SettingsFile>,
    /// What was told to the user.
    pub notifier: Notifier,
    /// The configuration shared with the Python SDK.
    pub config: ConfigFile,
    /// Cancelled when the daemon is to stop.
    pub shutdown: CancellationToken,
    /// Set when a service manager is to start the daemon again.
    pub again: Arc<AtomicBool>,
    /// Whether a service manager holds the socket, and wakes the daemon by it.
    pub is_socket_activated: bool,
    /// What protects the process.
    pub protections: Vec<ProtectionAttempt>,
    changes: Changes,
    program: Option<Program>,
    clock: SharedClock,
    users: Users,
    /// Keys that could not be taken at the start.
    not_taken: OnceLock<Vec<(StartupSource, Arc<StartupKeyError>)>>,
    state_dir: PathBuf,
    started_at: Timestamp,
    socket: PathBuf,
    tasks: TaskTracker,
}

impl App {
    /// Opens the token store and takes up the stored logins.
    pub async fn build(
        config: Config,
        protections: Vec<ProtectionAttempt>,
        socket: PathBuf,
        shutdown: CancellationToken,
    ) -> Result<Self, StoreError> {
        let external = External::default();
        let app = Self::build_in(external, config, protections, socket, shutdown).await?;
        for diagnostic in doctor::network(&app.network) {
            tracing::warn!("{diagnostic}");
        }
        for distrust in app.distrusted() {
            tracing::warn!("{distrust}: it is not used");
        }
        Ok(app)
    }

    pub(crate) async fn build_in(
        external: External,
        config: Config,
        protections: Vec<ProtectionAttempt>,
        socket: PathBuf,
        shutdown: CancellationToken,
    ) -> Result<Self, StoreError> {
        let clock = Arc::clone(&external.clock);
        let started_at = clock.now().wall;
        let metrics = Metrics::new(VERSION, started_at);
        let settings = SettingsFile::new(config.settings).with_state_dir(&config.state_dir);
        let settings = Arc::new(settings);
        let network = {
            let settings = Arc::clone(&settings);
            let network = Network::new(move || settings.current().network.clone());
            Arc::new(network.with_threads())
        };
        let stack = external.stack(StackClient::new(&network, metrics.upstream.stack.clone()));
        let stack = Arc::new(stack);
        let (tasks, events) = (TaskTracker::new(), SessionEvents::default());
        let store = token_store::open(config.token_store, &config.state_dir).await?;
        let changes = events.changes.clone();
        let grants = Grants::new(&config.state_dir, &socket, Arc::clone(&clock), changes);
        let grants = Arc::new(grants);
        let listening = Arc::clone(&grants);
        let dependencies = Dependencies {
            stack: Arc::clone(&stack),
            store,
            clock: Arc::clone(&clock),
            tasks: tasks.clone(),
            meter: metrics.refreshes.access_tokens.clone(),
            events: events.clone(),
            own_ports: OwnPorts::new(move |port| listening.listens_at(port)),
        };
        let sessions = Arc::new(Sessions::load(dependencies).await?);
        let sdk_config = ConfigFile::new(config.python_sdk_dir.clone());
        let aws = external.aws(Aws::new(&network, &metrics.upstream).await);
        let aws = Arc::new(aws);
        let s3 = aws.endpoint("S3");
        let used_by_grants = Arc::clone(&grants);
        let vault = Vault::new(credential::Dependencies {
            sessions: Arc::clone(&sessions),
            config: sdk_config.clone(),
            stack: Arc::clone(&stack),
            aws: Arc::clone(&aws),
            settings: Arc::clone(&settings),
            in_use: Arc::new(move |catalog, profile| used_by_grants.uses(catalog, profile)),
            clock: Arc::clone(&clock),
            meter: metrics.refreshes.aws_credentials.clone(),
            changes: events.changes.clone(),
        });
        tokio::spawn(file_watch::forget_connections(
            Arc::downgrade(&stack),
            sessions.identities(),
        ));
        let keys = Keys::new(Arc::clone(&stack), Arc::clone(&clock), tasks.clone());
        let sdk_files = SdkFiles::new(&config.python_sdk_dir, &config.state_dir);
        let gateway = Gateway::new(Arc::clone(&grants), sdk_files);
        Ok(Self {
            sessions,
            audit: AuditLog::open(&config.state_dir),
            metrics,
            packages: Packages::new(sdk_config.clone(), Arc::clone(&vault), &network, s3),
            vault,
            keys: Arc::new(keys),
            aws,
            grants,
            gateway,
            settings,
            notifier: Notifier::with_state_dir(&config.state_dir),
            stack,
            network,
            config: sdk_config,
            shutdown,
            again: Arc::default(),
            is_socket_activated: false,
            protections,
            program: Program::running(),
            started_at,
            changes: events.changes,
            clock,
            users: Users::default(),
            not_taken: OnceLock::new(),
            state_dir: config.state_dir,
            socket,
            tasks,
        })
    }

    /// Files that would be used, were they certain to be the user's own doing.
    pub fn distrusted(&self) -> Vec<Distrust> {
        let names = [&state_files::READ_BACK[..], &state_files::LOCKS].concat();
        let own = quilt_trust::judge_all(&self.state_dir, &names);
        let shared = self.gateway.files().into_iter();
        let shared = shared.chain([self.settings.path().to_owned()]);
        let shared = shared.filter_map(|path| quilt_trust::judge(&path, Role::Shared).err());
        let judged = own.into_iter().chain(shared);
        let mut found: Vec<Distrust> = Vec::new();
        for distrust in judged.filter(Distrust::is_about_others) {
            // One directory may spoil them all.
            if !found.contains(&distrust) {
                found.push(distrust);
            }
        }
        found
    }

    /// The session a request is about.
    pub fn session(&self, catalog: Option<&str>) -> Result<Arc<Session>, CatalogError> {
        Ok(self.sessions.session(&self.catalog(catalog)?))
    }

    /// The session that an API key is for: of the catalog that is asked for, else
    /// of the one it is known to be of, else of the `default` one, which without
    /// is the configured one.
    pub fn session_of_key(
        &self,
        catalog: Option<&str>,
        key: &ApiKeySecret,
        default: Option<&CatalogUrl>,
    ) -> Result<Arc<Session>, CatalogError> {
        if catalog.is_some_and(|catalog| !catalog.trim().is_empty()) {
            return self.session(catalog);
        }
        let default = match default {
            Some(default) => Ok(default.clone()),
            None => self.catalog(None),
        };
        match self.catalog_of_known_key(key, default.clone().ok())? {
            Some(known) => Ok(self.sessions.session(&known)),
            None if self.sessions.store().has_lost_catalogs() => Err(CatalogError::KeyUnplaced),
            None => Ok(self.sessions.session(&default?)),
        }
    }

    /// The catalog that an API key is known to be of, in the spelling that is
    /// configured now. Which is configured does not decide where a key goes that
    /// is known elsewhere: it may have changed since the key was given.
    pub fn catalog_of_known_key(
        &self,
        key: &ApiKeySecret,
        configured: Option<CatalogUrl>,
    ) -> Result<Option<CatalogUrl>, CatalogError> {
        let mut known = self.sessions.catalogs_of_key(key);
        let store = self.sessions.store();
        let is_known = |it: &CatalogUrl| known.iter().any(|of| store.have_same_registry(it, of));
        match (configured.filter(is_known), known.len()) {
            (Some(configured), _) => Ok(Some(configured)),
            (None, 0 | 1) => Ok(known.pop()),
            (None, _) => Err(CatalogError::KeyOfSeveral(known)),
        }
    }

    /// The catalog asked for, else the configured one, else the only one that
    /// somebody is logged in to.
    pub fn catalog(&self, asked: Option<&str>) -> Result<CatalogUrl, CatalogError> {
        catalog_resolver::resolve(asked, &self.settings, &self.config, || {
            self.sessions.only_usable()
        })
    }

    /// Takes note of who the stack says the user of a session is; that is known
    /// after a restart, too.
    pub fn note_user(&self, session: &Session, me: Option<&Me>) {
        let now = self.clock.now().wall;
        let user = self.users.note(session.catalog(), me, now);
        session::known_user::keep(session, user);
    }

    /// Notices what another daemon on the same store did: who logged in, out,
    /// or switched the role there is who acts here from now on.
    pub async fn sync_with_store(&self) {
        self.sessions.sync_with_store().await;
    }

    /// Hears of everything that may make the status another one.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Returns once the status may be another one; for one caller.
    pub async fn next_change(&self) {
        self.changes.next().await;
    }

    /// The settings file, as whoever reads of it finds it wherever they are.
    pub fn settings_path(&self) -> PathBuf {
        let path = self.settings.path();
        std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
    }

    /// Waits for what must not be cut off: a token the stack has rotated is
    /// lost unless its successor gets stored.
    pub async fn finish(&self) {
        self.finish_rotations().await;
        self.sessions.store().keep_known_catalogs().await;
        drop(tokio::time::timeout(AUDIT_FINISH_TIMEOUT, self.audit.finish()).await);
    }

    pub(crate) async fn finish_rotations(&self) {
        self.grants.close();
        self.tasks.close();
        let finished = in_time(ROTATION_FINISH_TIMEOUT, self.tasks.wait()).await;
        if finished.is_none() {
            tracing::warn!("stopped while a request to a stack was under way");
        }
    }
}
