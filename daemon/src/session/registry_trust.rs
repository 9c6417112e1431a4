//! Which registry secrets are sent to.
//!
//! A catalog says where its registry is, and may say something else for a
//! moment: a proxy, a portal, somebody who got into its `config.json`. So a
//! secret goes to the registry that one has succeeded at before. Another one
//! needs the user's word, except for the first.

use std::time::Duration;

use quilt_proto::aws::Region;
use quilt_proto::{CatalogUrl, RegistryHost, RegistryUrl};

use super::{Dependencies, SessionError};
use crate::stack::StackConfig;
use crate::token_store::{CatalogFact, KnownCatalog, StoreError};

/// How long a catalog may take to say in which region it is.
const REGION_TIMEOUT: Duration = Duration::from_secs(2);

/// A registry that a secret may be sent to now. There is no other way to get
/// one than to ask [`RegistryTrust::verify`].
#[derive(Clone, Debug)]
pub struct TrustedRegistry {
    published: StackConfig,
    /// The one that was trusted when this one was asked about.
    so_far: Option<RegistryUrl>,
}

impl TrustedRegistry {
    /// The registry.
    pub fn registry(&self) -> &RegistryUrl {
        &self.published.registry_url
    }

    /// All that the catalog said of itself.
    pub fn published(&self) -> &StackConfig {
        &self.published
    }
}

/// Which registry one catalog's secrets go to, and what else is believed of it.
pub struct RegistryTrust {
    catalog: CatalogUrl,
    dependencies: Dependencies,
}

impl RegistryTrust {
    pub(super) fn new(catalog: CatalogUrl, dependencies: Dependencies) -> Self {
        Self {
            catalog,
            dependencies,
        }
    }

    /// Asks the catalog where its registry is, before a secret is sent there.
    /// `accept` is the host that the user agreed to, if any was asked about.
    /// Keeps nothing.
    pub async fn verify(
        &self,
        accept: Option<&RegistryHost>,
    ) -> Result<TrustedRegistry, SessionError> {
        self.verify_published(self.published().await?, accept).await
    }

    /// What the catalog says of itself now.
    pub async fn published(&self) -> Result<StackConfig, SessionError> {
        Ok(self.discovered().await?.0)
    }

    /// The same, and whether its region is believed: where another registry is
    /// named than secrets were sent to, the rest may be false as well. It is
    /// remembered where one has succeeded at that registry.
    async fn discovered(&self) -> Result<(StackConfig, bool), SessionError> {
        let published = self.dependencies.stack.discover(&self.catalog).await?;
        let is_believed = match self.known().await {
            Ok(Some(known)) if known.is_same_server(&published.registry_url) => {
                self.remember_region(published.region.as_ref());
                true
            }
            Ok(known) => known.is_none(),
            // Nothing to hold it against, and no reason to say nothing.
            Err(_) => false,
        };
        Ok((published, is_believed))
    }

    /// The AWS region the catalog is in: as it last said, else as it says when
    /// asked, which is not waited for long.
    pub async fn region(&self) -> Option<Region> {
        let known = self.known_catalog().await.ok();
        if let Some(region) = known.and_then(|known| known.region?.parse().ok()) {
            return Some(region);
        }
        let asked = tokio::time::timeout(REGION_TIMEOUT, self.discovered()).await;
        let (published, is_believed) = asked.ok()?.ok()?;
        published.region.filter(|_| is_believed)
    }

    fn remember_region(&self, region: Option<&Region>) {
        if let Some(region) = region {
            self.learn(vec![CatalogFact::Region(region.to_string())]);
        }
    }

    /// Something has become known of this catalog.
    pub(super) fn learn(&self, facts: Vec<CatalogFact>) {
        self.dependencies.store.learn(&self.catalog, facts);
    }

    /// Has what was learnt on the disk, if that does not take long.
    pub async fn keep_notes(&self) {
        self.dependencies.store.keep_known_catalogs().await;
    }

    /// The same with what the catalog has just said.
    pub async fn verify_published(
        &self,
        published: StackConfig,
        accept: Option<&RegistryHost>,
    ) -> Result<TrustedRegistry, SessionError> {
        let port = published.registry_url.loopback_port();
        if port.is_some_and(|port| self.dependencies.own_ports.listens_at(port)) {
            return Err(SessionError::RegistryIsHere(self.catalog.clone()));
        }
        let named = &published.registry_host;
        self.check_host(named, accept)?;
        let known = self.known_catalog().await?;
        // By another spelling of its name, a catalog is not used for the first
        // time.
        let mut so_far = known.registry_url.iter().collect::<Vec<_>>();
        if so_far.is_empty() {
            so_far.extend(&known.registries_of_same_server);
        }
        let is_there = |so_far: &&RegistryUrl| so_far.is_same_server(&published.registry_url);
        let is_as_before = if so_far.is_empty() {
            !known.is_lost
        } else {
            so_far.iter().any(is_there)
        };
        if is_as_before || accept.is_some() {
            let so_far = known.registry_url;
            return Ok(TrustedRegistry { published, so_far });
        }
        Err(self.registry_changed(named, so_far.first().copied()))
    }

    /// Fails where the catalog names another host than the one that the user agreed
    /// to, or was shown.
    pub(super) fn check_host(
        &self,
        named: &RegistryHost,
        meant: Option<&RegistryHost>,
    ) -> Result<(), SessionError> {
        match meant.filter(|meant| *meant != named) {
            None => Ok(()),
            Some(meant) => Err(SessionError::OtherRegistry {
                catalog: self.catalog.clone(),
                named: named.clone(),
                accepted: meant.clone(),
            }),
        }
    }

    fn registry_changed(&self, named: &RegistryHost, so_far: Option<&RegistryUrl>) -> SessionError {
        SessionError::RegistryChanged {
            catalog: self.catalog.clone(),
            named: named.clone(),
            // One that was sent secrets had a host.
            so_far: so_far.and_then(|so_far| so_far.host().map(|host| host.to_string())),
        }
    }

    /// Fails where another registry than this one has become the trusted one
    /// since this one was asked about: a login may take minutes, and another one
    /// has succeeded elsewhere meanwhile.
    pub async fn still_trusted(&self, trusted: &TrustedRegistry) -> Result<(), SessionError> {
        match self.known().await? {
            Some(known)
                if Some(&known) != trusted.so_far.as_ref()
                    && !known.is_same_server(trusted.registry()) =>
            {
                Err(self.registry_changed(&trusted.published.registry_host, Some(&known)))
            }
            _ => Ok(()),
        }
    }

    /// Where secrets of this catalog go: where a login or key succeeded last,
    /// or what the user agreed to since.
    pub async fn known(&self) -> Result<Option<RegistryUrl>, SessionError> {
        Ok(self.known_catalog().await?.registry_url)
    }

    async fn known_catalog(&self) -> Result<KnownCatalog, StoreError> {
        self.dependencies.store.known_catalog(&self.catalog).await
    }

    /// Takes the user's word for where the catalog's registry is now. What is
    /// logged in stays where it is.
    pub async fn accept(&self, host: &RegistryHost) -> Result<(), SessionError> {
        let trusted = self.verify(Some(host)).await?;
        self.trust(&trusted);
        Ok(())
    }

    /// Sends secrets there from now on, and believes what the catalog said beside
    /// it, unless something has settled meanwhile that they go elsewhere.
    pub fn trust(&self, trusted: &TrustedRegistry) {
        if self.settle(trusted.so_far.as_ref(), trusted.registry()) {
            self.remember_region(trusted.published.region.as_ref());
        }
    }

    /// Sends secrets there from now on, unless something has settled since `so_far`
    /// was known that they go elsewhere. Answers whether they do.
    pub fn settle(&self, so_far: Option<&RegistryUrl>, registry: &RegistryUrl) -> bool {
        let store = &self.dependencies.store;
        match store.settle_registry(&self.catalog, so_far, registry) {
            Ok(settled) => settled,
            Err(error) => {
                let catalog = &self.catalog;
                tracing::warn!(%catalog, "cannot note where secrets go: {error}");
                false
            }
        }
    }

    /// Where a key goes that has not succeeded here yet: that of a daemon which
    /// just started, one that shall revoke itself. The trusted registry where
    /// the catalog cannot be asked.
    pub async fn for_key(&self) -> Result<RegistryUrl, SessionError> {
        match self.verify(None).await {
            Ok(trusted) => Ok(trusted.published.registry_url),
            Err(SessionError::Stack(error)) => {
                self.known().await?.ok_or(SessionError::Stack(error))
            }
            Err(error) => Err(error),
        }
    }
}
