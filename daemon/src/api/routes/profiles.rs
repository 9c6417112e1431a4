//! `GET /v1/profiles`.

use std::sync::Arc;

use quilt_proto::ProfileName;
use quilt_proto::api::ReadProfiles;
use quilt_proto::wire::ProfileStatus;

use crate::api::endpoint::{Call, Served};
use crate::api::error::ApiError;
use crate::settings::Profile;

pub(in crate::api) fn serve(served: Served) -> Served {
    served.serve(list)
}

async fn list(call: Call<ReadProfiles>) -> Result<Vec<ProfileStatus>, ApiError> {
    let catalog = match call.catalog {
        Some(_) => Some(call.session()?.catalog().clone()),
        None => call.app.config.catalog().ok().flatten(),
    };
    let app = &call.app;
    let profile = |(name, profile): (ProfileName, Arc<Profile>)| {
        let catalog = profile.catalog.clone().or_else(|| catalog.clone());
        let held = catalog.as_ref().and_then(|catalog| {
            let held = app.vault.status(catalog);
            held.into_iter().find(|held| held.profile == name)
        });
        ProfileStatus {
            region: catalog.as_ref().map_or_else(
                || profile.region.clone(),
                |catalog| app.region(catalog, &name),
            ),
            catalog_url: catalog,
            role_arn: profile.roles.iter().map(ToString::to_string).collect(),
            expires_at: held.as_ref().and_then(|held| held.expires_at),
            next_refresh_at: held.as_ref().and_then(|held| held.next_refresh_at),
            last_error: held.and_then(|held| held.last_error),
            name,
        }
    };
    let profiles = app.settings.current().profiles();
    Ok(profiles.into_iter().map(profile).collect())
}
