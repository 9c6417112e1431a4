//! How this project's programs reach the network, said once for all of them:
//! which certificates they trust, which proxies they ask, and what went wrong
//! when no answer came.
//!
//! Certificates are the system's and those that the usual variables and
//! `[network]` in `quiltd.toml` name. Proxies are what the variables and the
//! settings name; loopback never goes through one. Redirects are followed by
//! nobody in here.

pub mod aws;
mod captive_portal;
mod certificates;
mod client_builder;
mod clients;
mod connection_threads;
mod failure;
mod no_proxy;
mod origin;
mod plain_endpoints;
mod proxies;
mod remedy;
mod resolver;
mod settings;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustls::ClientConfig;
use url::Url;

pub use self::captive_portal::{intercepted, is_page};
pub use self::certificates::{Unusable, WhyUnusable};
pub use self::clients::Clients;
pub use self::failure::Failure;
pub use self::origin::{FailedRequest, Origin};
pub use self::plain_endpoints::{
    CONSOLE_ENDPOINT_ENV, PlainEndpoint, is_plain, plain_endpoints, variables_naming,
};
pub use self::remedy::{HEAD, SET_CLOCK};
pub use self::settings::{ProxyUrl, Settings, SettingsError};

use self::connection_threads::ConnectionThreads;
use self::proxies::Proxies;

/// The way to the network, as environment and settings describe it. Nothing is
/// read before the first request; changed settings count from the next one on.
#[derive(derive_more::Debug)]
#[debug("Network")]
pub struct Network {
    settings: Box<dyn Fn() -> Settings + Send + Sync>,
    known: Mutex<Option<Arc<Derived>>>,
    /// Where connections are served, if not where they are asked for.
    threads: Option<ConnectionThreads>,
}

/// What follows from settings.
struct Derived {
    settings: Settings,
    /// Changes with the settings, and when certificates are read once more.
    version: u64,
    proxies: Arc<Proxies>,
    tls: OnceLock<Tls>,
}

struct Tls {
    config: ClientConfig,
    unusable: Vec<Unusable>,
}

impl Default for Network {
    fn default() -> Self {
        Self::new(Settings::default)
    }
}

impl Network {
    /// As the environment says, and as `settings` answers from time to time.
    pub fn new(settings: impl Fn() -> Settings + Send + Sync + 'static) -> Self {
        Self {
            settings: Box::new(settings),
            known: Mutex::default(),
            threads: None,
        }
    }

    /// The same with threads of its own for connections, for a program that has
    /// more to do than to wait for answers.
    #[must_use]
    pub fn with_threads(self) -> Self {
        Self {
            threads: Some(ConnectionThreads::default()),
            ..self
        }
    }

    /// What is wrong with what was set: certificates that cannot be used, and
    /// a proxy whose address is none. Reads what is named, and nothing of the
    /// system's.
    pub fn check(&self) -> (Vec<Unusable>, Option<Failure>) {
        let known = self.known();
        let (_, unusable) = certificates::read_named(&known.settings.ca_bundle);
        (unusable, known.proxies.check().err())
    }

    /// Why a request to `url` came to nothing.
    pub fn failure(&self, url: &Url, error: &reqwest::Error) -> Failure {
        let known = self.known();
        let proxy = known.proxies.of(url).ok().flatten();
        let failure = Failure::of(error, url, proxy.as_ref());
        match failure {
            // A bundle that could not be read may be what is missing.
            Failure::UnknownCertificate { .. } => {
                let unusable = known.tls.get().and_then(|tls| tls.unusable.first());
                if unusable.is_some() {
                    self.read_anew(&known);
                }
                Failure::UnknownCertificate {
                    unusable: unusable.cloned().map(Box::new),
                }
            }
            failure => failure,
        }
    }

    /// Has certificates read once more for the next request: whoever mends what is
    /// missing restarts nothing for it.
    fn read_anew(&self, read: &Arc<Derived>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref().is_some_and(|known| Arc::ptr_eq(known, read)) {
            *known = Some(Arc::new(Derived::after(Some(read), read.settings.clone())));
        }
    }

    fn known(&self) -> Arc<Derived> {
        let settings = (self.settings)();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some(known) if known.settings == settings => Arc::clone(known),
            before => {
                let now = Derived::after(before.as_deref(), settings);
                Arc::clone(known.insert(Arc::new(now)))
            }
        }
    }
}

impl Derived {
    fn after(before: Option<&Self>, settings: Settings) -> Self {
        Self {
            proxies: Arc::new(Proxies::new(&settings)),
            settings,
            version: before.map_or(0, |before| before.version + 1),
            tls: OnceLock::new(),
        }
    }

    /// Certificates are read when they are first needed.
    fn tls(&self) -> Option<&Tls> {
        if self.tls.get().is_none() {
            let (config, unusable) = certificates::load(&self.settings.ca_bundle)?;
            // Another thread may have been first.
            let _ = self.tls.set(Tls { config, unusable });
        }
        self.tls.get()
    }
}
