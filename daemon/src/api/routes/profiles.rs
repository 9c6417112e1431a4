//! `GET /v1/profiles`.

use quilt_proto::api::ReadProfiles;
use quilt_proto::wire::ProfileStatus;

use crate::api::endpoint::Call;
use crate::api::error::ApiError;
use crate::app::region;

pub(in crate::api) async fn list(call: Call<ReadProfiles>) -> Result<Vec<ProfileStatus>, ApiError> {
    let catalog = match call.catalog {
        Some(_) => Some(call.session()?.catalog().clone()),
        None => call.app.catalog(None).ok(),
    };
    let app = &call.app;
    let mut all = Vec::new();
    for (name, profile) in app.settings.current().profiles() {
        let catalog = profile.catalog.clone().or_else(|| catalog.clone());
        let held = catalog.as_ref().and_then(|catalog| {
            let held = app.vault.status(catalog);
            held.into_iter().find(|held| held.profile == name)
        });
        all.push(ProfileStatus {
            region: match &catalog {
                Some(catalog) => region::of_profile(app, catalog, &name).await,
                None => profile.region.clone(),
            },
            catalog_url: catalog,
            role_arn: profile.roles.iter().map(ToString::to_string).collect(),
            expires_at: held.as_ref().and_then(|held| held.expires_at),
            next_refresh_at: held.as_ref().and_then(|held| held.next_refresh_at),
            last_error: held.and_then(|held| held.last_error),
            name,
        });
    }
    Ok(all)
}
