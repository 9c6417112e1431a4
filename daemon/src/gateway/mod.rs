//! The registry gateway: the Python SDK, as whoever is logged in here.
//!
//! `quilt3` keeps its bearer token for the life of a process, rotates refresh
//! tokens in plain files, and has no AWS session for an API key. So it is led
//! to a registry on loopback (served in `api/`) that takes a grant as bearer
//! token and speaks to the real registry with the daemon's own. What the SDK
//! is left with opens nothing off this machine.

mod catalog_addresses;
mod config_json;
mod configure;
mod error;
mod gateway_diagnostic;
mod graphql;
mod lead_back;
mod login_import;
mod proxy;
mod secret_filter;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::config_json::ConfigJsonCache;
pub use self::configure::{Configured, State};
pub use self::error::GatewayError;
pub use self::gateway_diagnostic::GatewayDiagnostic;
pub use self::graphql::GraphqlRequest;
use self::lead_back::ChangeLock;
pub use self::login_import::Imported;
pub use self::proxy::forward;
use crate::grant::without_api_keys;
use crate::grant::{Endpoint, Grants};
use crate::quilt3::SdkFiles;

/// How often a port that is taken is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(2);

/// Starts the listener, on a port, or on any for 0.
pub type OpenListener = Arc<dyn Fn(u16) -> std::io::Result<Endpoint> + Send + Sync>;

/// Keeps the Python SDK redirected.
pub struct Gateway {
    grants: Arc<Grants>,
    sdk_files: SdkFiles,
    guard: Mutex<Option<Guard>>,
    /// One change of the SDK's files at a time.
    changing: ChangeLock,
    config_json_cache: ConfigJsonCache,
}

/// The task that keeps credentials out of the SDK's files.
struct Guard {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Gateway {
    /// Over the SDK's files; nothing is looked at yet.
    pub fn new(grants: Arc<Grants>, sdk_files: SdkFiles) -> Self {
        Self {
            grants,
            sdk_files,
            guard: Mutex::default(),
            changing: ChangeLock::default(),
            config_json_cache: ConfigJsonCache::default(),
        }
    }

    /// Takes up what was set up before the daemon started: the same grants on
    /// the same port. While another program has the port, it is tried again.
    /// Must be called inside a tokio runtime.
    pub fn resume(&self, open: OpenListener, shutdown: CancellationToken) {
        self.sdk_files.sweep();
        if !self.grants.resume() {
            return;
        }
        // Said to a daemon that noted it with the grants alone.
        if without_api_keys::is_on(&self.grants) == Some(true)
            && let Err(error) = self.sdk_files.set_without_api_keys(true)
        {
            tracing::warn!("cannot note that API keys are kept back: {error}");
        }
        let reopened = self.grants.reopen(|port| open(port));
        if matches!(self.sdk_files.redirection(), Ok(Some(_))) {
            self.start_guard();
        }
        let Err(error) = reopened else {
            return;
        };
        tracing::warn!("the registry gateway cannot listen yet: {error}");
        let grants = Arc::clone(&self.grants);
        let again = async move {
            while grants.reopen(|port| open(port)).is_err() {
                tokio::time::sleep(TRY_AGAIN).await;
            }
        };
        tokio::spawn(async move { shutdown.run_until_cancelled(again).await });
    }

    /// The files it reads and changes.
    pub fn files(&self) -> Vec<PathBuf> {
        self.sdk_files.files()
    }

    fn start_guard(&self) {
        let mut guard = self.guard.lock();
        if guard
            .as_ref()
            .is_some_and(|guard| !guard.task.is_finished())
        {
            return;
        }
        let stop = CancellationToken::new();
        let leading = lead_back::keep_redirecting(
            self.sdk_files.clone(),
            Arc::clone(&self.grants),
            Arc::clone(&self.changing),
            stop.clone(),
        );
        let guarding = self.sdk_files.clone().guard(stop.clone());
        let task = tokio::spawn(async {
            tokio::join!(guarding, leading);
        });
        *guard = Some(Guard { task, stop });
    }

    /// Returns when the guard touches the SDK's files no more.
    async fn stop_guard(&self) {
        let guard = self.guard.lock().take();
        if let Some(Guard { task, stop }) = guard {
            stop.cancel();
            // It panicked or it ended: both are ends.
            let _ = task.await;
        }
    }
}
