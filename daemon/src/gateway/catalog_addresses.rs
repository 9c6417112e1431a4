//! Each catalog's own address at the gateway.
//!
//! quilt3 8.1 speaks to several registries in one process
//! (`use_registry_url`), and looks for the login of each in `auth.json` by the
//! registry's URL. So every catalog that is logged in has a URL here and, below
//! it, a grant of its own; the gateway's bare address stays that of the catalog
//! the SDK is configured for.

use quilt_proto::wire::GrantKind;
use quilt_proto::{CatalogUrl, RegistryUrl, Secret, Timestamp};

use super::{Gateway, GatewayError, OpenListener};
use crate::grant::{Endpoint, Issued, Life, Right, STATED_LIFETIME_SECONDS};
use crate::quilt3::SdkFileError;

/// Ports that are tried for a new gateway, and how often.
const FIRST_PORT: u16 = 20_000;
const PORTS: u16 = 10_000;
const TRIES: usize = 20;

/// What a catalog is called in a path: its host, with the port where that does
/// not go without saying.
fn segment(catalog: &CatalogUrl) -> String {
    catalog.without_scheme().replace('/', "~")
}

/// The catalog of these that a path names; nothing where it names several, as
/// those of one host may be called that differ in `/` and `~`.
fn the_one(known: impl IntoIterator<Item = CatalogUrl>, named: &str) -> Option<CatalogUrl> {
    let mut found = known
        .into_iter()
        .filter(|catalog| segment(catalog) == named);
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// A catalog's own address at a gateway.
fn own(gateway: &RegistryUrl, catalog: &CatalogUrl) -> Option<RegistryUrl> {
    let path = format!("/catalogs/{}", segment(catalog));
    gateway.join(&path).parse().ok()
}

impl Gateway {
    /// Where each catalog that the SDK holds a grant for is reached.
    pub fn addresses(&self) -> Result<Vec<(CatalogUrl, RegistryUrl)>, SdkFileError> {
        let Some(redirection) = self.sdk_files.redirection()? else {
            return Ok(Vec::new());
        };
        let mut addresses = Vec::new();
        for catalog in self.grants.registries() {
            if let Some(own) = own(&redirection.gateway_url, &catalog)
                && self.holds_grant(&catalog, &own)?
            {
                addresses.push((catalog, own));
            }
        }
        Ok(addresses)
    }

    /// The catalog that a path names, where some grant is for it.
    pub fn catalog_at(&self, named: &str) -> Option<CatalogUrl> {
        the_one(self.grants.registries(), named)
    }

    /// Whether a path names this catalog.
    pub fn is_named(catalog: &CatalogUrl, named: &str) -> bool {
        segment(catalog) == named
    }

    /// Gives a catalog an address, because somebody logged in to it, where the
    /// SDK is led here at all.
    pub async fn reach(&self, catalog: &CatalogUrl, open: OpenListener) {
        let _alone = self.changing.lock().await;
        let given = match self.sdk_files.redirection() {
            Ok(Some(redirection)) if redirection.catalog_url != *catalog => {
                let keep_back = self.keeps_back_api_keys();
                self.give_address(catalog, &redirection.gateway_url, &open, keep_back)
                    .await
            }
            Ok(_) => return,
            Err(error) => Err(error.into()),
        };
        match given {
            Ok(true) => tracing::info!(%catalog, "quilt3 can reach it at the gateway, too"),
            Ok(false) => {}
            Err(error) => tracing::warn!(%catalog, "quilt3 has no address for it: {error}"),
        }
    }

    /// Answers whether the catalog had none.
    pub(super) async fn give_address(
        &self,
        catalog: &CatalogUrl,
        gateway: &RegistryUrl,
        open: &OpenListener,
        without_api_keys: bool,
    ) -> Result<bool, GatewayError> {
        let Some(own) = own(gateway, catalog) else {
            return Ok(false);
        };
        if self.holds_grant(catalog, &own)? {
            return Ok(false);
        }
        let mut known = self.grants.registries();
        known.insert(catalog.clone());
        if the_one(known, &segment(catalog)).is_none() {
            // The first has it: what is sent to one must not reach another.
            tracing::warn!(%catalog, "quilt3 has no address for it: another catalog's is the same");
            return Ok(false);
        }
        // One and the same where the bare address is this catalog's.
        if self.holds_grant(catalog, gateway)?
            && let Some(held) = self.sdk_files.grant(gateway)?
        {
            self.sdk_files.hold(&own, &held, lasting())?;
            return Ok(true);
        }
        let issued = self.issue(catalog, open, without_api_keys).await?;
        let held = self.sdk_files.hold(&own, &issued.token, lasting());
        if held.is_err() {
            // What failed first is told; this is logged.
            let _ = self.grants.revoke(&issued.id).await;
        }
        held.map(|()| true).map_err(GatewayError::from)
    }

    /// The grant that the SDK holds for a catalog at its own address, and until
    /// when to say it is good.
    pub(super) fn held_at_own(
        &self,
        catalog: &CatalogUrl,
        gateway: &RegistryUrl,
    ) -> Result<Option<(Secret, i64)>, SdkFileError> {
        let Some(own) = own(gateway, catalog) else {
            return Ok(None);
        };
        if !self.holds_grant(catalog, &own)? {
            return Ok(None);
        }
        let held = self.sdk_files.grant(&own)?;
        Ok(held.map(|token| (token, lasting())))
    }

    /// A grant, on the port programs know if that can be had.
    pub(super) async fn issue(
        &self,
        catalog: &CatalogUrl,
        open: &OpenListener,
        without_api_keys: bool,
    ) -> Result<Issued, GatewayError> {
        let right = Right::Registry {
            catalog: catalog.clone(),
            without_api_keys,
        };
        let open = |known: Option<u16>| match known.map(|port| open(port)) {
            Some(Ok(endpoint)) => Ok(endpoint),
            // Whoever has it now, the SDK's files are about to be written anew.
            Some(Err(_)) | None => new_port(open),
        };
        Ok(self.grants.issue(right, Life::Persistent, open).await?)
    }

    /// Where the gateway listens, while it does.
    pub(super) fn here(&self) -> Option<RegistryUrl> {
        let address = self.grants.address(GrantKind::Registry)?;
        Some(RegistryUrl::on_loopback(address.port()))
    }

    /// A catalog's own address where the gateway listens.
    pub(super) fn own_here(&self, catalog: &CatalogUrl) -> Option<RegistryUrl> {
        own(&self.here()?, catalog)
    }
}

/// Until when the SDK is told that a grant is good; it asks again then.
fn lasting() -> i64 {
    Timestamp::now()
        .plus_seconds(STATED_LIFETIME_SECONDS)
        .unix()
}

/// A listener on a port that no outgoing connection will happen to have taken
/// at the next start: below those that systems choose for them (RFC 6335,
/// section 6).
fn new_port(open: &OpenListener) -> std::io::Result<Endpoint> {
    for _ in 0..TRIES {
        let mut random = [0; 2];
        if getrandom::fill(&mut random).is_ok()
            && let Ok(endpoint) = open(FIRST_PORT + u16::from_ne_bytes(random) % PORTS)
        {
            return Ok(endpoint);
        }
    }
    open(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_catalogs_address_is_its_host_below_the_gateways() {
        let gateway = RegistryUrl::on_loopback(20_001);
        for (catalog, address) in [
            ("https://demo.quilt.example", "/catalogs/demo.quilt.example"),
            ("http://127.0.0.1:8080", "/catalogs/127.0.0.1:8080"),
            ("https://x.example/a/b", "/catalogs/x.example~a~b"),
        ] {
            let catalog: CatalogUrl = catalog.parse().unwrap();
            let own = own(&gateway, &catalog).unwrap();
            assert_eq!(own.as_str(), format!("{gateway}{address}"));
            let named = address.strip_prefix("/catalogs/").unwrap();
            assert!(Gateway::is_named(&catalog, named));
        }
    }
    #[test]
    fn an_address_that_is_of_two_is_nobodys() {
        let catalogs = ["https://x.example/a/b", "https://x.example/a~b"];
        let [one, other]: [CatalogUrl; 2] = catalogs.map(|url| url.parse().unwrap());
        let named = segment(&one);
        assert_eq!(the_one([one.clone()], &named), Some(one.clone()));
        assert_eq!(the_one([one.clone(), other], &named), None);
        assert_eq!(the_one([one], "x.example"), None);
    }
}
