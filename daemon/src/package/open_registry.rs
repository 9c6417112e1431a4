//! Opens registries.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use quilt_network::Network;
use quilt_proto::aws::Region;
use quilt_proto::{PackageName, python_sdk};
use tokio::sync::OwnedMutexGuard;
use url::Url;

use super::address::Address;
use super::layout::Layout;
use super::local::LocalStore;
use super::s3::{Connections, S3Store, Vended};
use super::store::Store;
use super::{PackageError, Registry};
use crate::catalog_resolver::CatalogError;
use crate::credential::Vault;
use crate::quilt3::ConfigFile;
use crate::session::Session;

type Lock = tokio::sync::Mutex<()>;

/// The package registries within reach.
pub struct Packages {
    config: ConfigFile,
    vault: Arc<Vault>,
    connections: Arc<Connections>,
    deletions: Mutex<HashMap<(String, PackageName), Weak<Lock>>>,
}

impl Packages {
    /// Reaches S3 at `endpoint`, where AWS's own is not meant, with the
    /// credentials of `vault`.
    pub fn new(
        config: ConfigFile,
        vault: Arc<Vault>,
        network: &Arc<Network>,
        endpoint: Option<Url>,
    ) -> Self {
        Self {
            config,
            vault,
            connections: Arc::new(Connections::new(network, endpoint)),
            deletions: Mutex::default(),
        }
    }

    /// Opens a registry by its URL, or the one the configuration names
    /// (`default_local_registry`), in the layout asked for, or the configured
    /// one. `session` is asked only where credentials are needed.
    pub fn open(
        &self,
        url: Option<&str>,
        layout: Option<u8>,
        session: impl FnOnce() -> Result<Arc<Session>, CatalogError>,
    ) -> Result<Registry, PackageError> {
        let url = match url {
            Some(url) if !url.is_empty() => url.to_owned(),
            _ => self.default_registry()?,
        };
        let store: Arc<dyn Store> = match url.parse()? {
            Address::Local(directory) => Arc::new(LocalStore::new(directory)),
            Address::S3 { bucket, folder } => {
                let vended = Vended::new(Arc::clone(&self.vault), session()?);
                let region = self.config_text("region")?;
                // One that is none is as good as none.
                let region = region.filter(|region| region.parse::<Region>().is_ok());
                Arc::new(S3Store::new(
                    &self.connections,
                    bucket,
                    folder,
                    region,
                    vended,
                )?)
            }
        };
        let layout = match layout {
            Some(number) => Some(Layout::numbered(number.into()).ok_or(PackageError::NoLayout)?),
            None => self.config.registry_version()?.and_then(Layout::numbered),
        };
        let url = Url::parse(&url).map_or(url, String::from);
        Ok(Registry::new(url, layout, store))
    }

    /// Keeps others from deleting of the same package until dropped: which
    /// version is the newest that remains is decided before it is acted upon.
    pub async fn lock(&self, registry: &Registry, name: &PackageName) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.deletions.lock();
            locks.retain(|_, lock| lock.strong_count() > 0);
            let slot = locks
                .entry((registry.url().to_owned(), name.clone()))
                .or_default();
            slot.upgrade().unwrap_or_else(|| {
                let lock = Arc::new(Lock::default());
                *slot = Arc::downgrade(&lock);
                lock
            })
        };
        lock.lock_owned().await
    }

    fn default_registry(&self) -> Result<String, PackageError> {
        self.config_text(python_sdk::DEFAULT_LOCAL_REGISTRY)?
            .ok_or(PackageError::NoRegistry)
    }

    fn config_text(&self, key: &str) -> Result<Option<String>, PackageError> {
        let values = self.config.read()?;
        let text = values.get(key).and_then(|value| value.as_str());
        Ok(text.filter(|text| !text.is_empty()).map(str::to_owned))
    }
}
