//! `GET /v1/profiles`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use quilt_proto::wire::ProfileStatus;

use crate::api::error::ApiError;
use crate::api::extract::Params;
use crate::app::App;

#[derive(serde::Deserialize)]
pub(in crate::api) struct Asked {
    catalog: Option<String>,
}

pub(in crate::api) async fn list(
    State(app): State<Arc<App>>,
    Params(asked): Params<Asked>,
) -> Result<Json<Vec<ProfileStatus>>, ApiError> {
    let catalog = match asked.catalog.as_deref() {
        Some(_) => Some(app.session(asked.catalog.as_deref())?.catalog().clone()),
        None => app.config.catalog().ok().flatten(),
    };
    let mut all = Vec::new();
    for (name, profile) in app.settings.current().profiles() {
        let catalog = profile.catalog.clone().or_else(|| catalog.clone());
        let held = catalog.as_ref().and_then(|catalog| {
            let held = app.vault.status(catalog);
            held.into_iter().find(|held| held.profile == name)
        });
        all.push(ProfileStatus {
            region: match &catalog {
                Some(catalog) => app.region(catalog, &name).await,
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
    Ok(Json(all))
}
