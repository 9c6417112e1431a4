//! The AWS region that goes with credentials.

use quilt_proto::aws::Region;
use quilt_proto::{CatalogUrl, ProfileName};

use super::App;

/// The AWS region of a profile: its own, else the catalog's, where known.
pub async fn of_profile(app: &App, catalog: &CatalogUrl, profile: &ProfileName) -> Option<String> {
    let own = app.vault.profile(profile).ok()?.region.clone();
    if let Some(region) = own.or_else(|| configured(app, catalog)) {
        return Some(region);
    }
    let region = app
        .sessions
        .session(catalog)
        .registry_trust()
        .region()
        .await?;
    Some(region.to_string())
}

/// The configured region, which is that of the configured catalog.
fn configured(app: &App, catalog: &CatalogUrl) -> Option<String> {
    let values = app.config.read().ok()?;
    let configured = app.config.catalog().ok()??;
    let region: Region = values.get("region")?.as_str()?.parse().ok()?;
    (configured == *catalog).then(|| region.to_string())
}
