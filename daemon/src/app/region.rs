//! The AWS region that goes with credentials.

use quilt_proto::aws::Region;
use quilt_proto::{CatalogUrl, ProfileName};

use super::App;

impl App {
    /// The AWS region of a profile: its own, else the catalog's, where known.
    pub async fn region(&self, catalog: &CatalogUrl, profile: &ProfileName) -> Option<String> {
        let own = self.vault.profile(profile).ok()?.region.clone();
        if let Some(region) = own.or_else(|| self.configured_region(catalog)) {
            return Some(region);
        }
        let region = self.sessions.session(catalog).region().await?;
        Some(region.to_string())
    }

    /// The configured region, which is that of the configured catalog.
    fn configured_region(&self, catalog: &CatalogUrl) -> Option<String> {
        let values = self.config.read().ok()?;
        let configured = self.config.catalog().ok()??;
        let region: Region = values.get("region")?.as_str()?.parse().ok()?;
        (configured == *catalog).then(|| region.to_string())
    }
}
