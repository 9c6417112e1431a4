//! `GET` and `PUT /v1/config`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use quilt_proto::CatalogUrl;
use quilt_proto::wire::{ConfigUpdate, ConfigValues};

use crate::api::error::ApiError;
use crate::api::extract::Body;
use crate::api::open_gateway;
use crate::app::App;
use crate::catalogs::CatalogError;

pub(in crate::api) async fn show(
    State(app): State<Arc<App>>,
) -> Result<Json<ConfigValues>, ApiError> {
    Ok(Json(app.config.read()?))
}

pub(in crate::api) async fn update(
    State(app): State<Arc<App>>,
    Body(update): Body<ConfigUpdate>,
) -> Result<Json<ConfigValues>, ApiError> {
    let values = match update {
        ConfigUpdate::CatalogUrl(url) if url.trim().is_empty() => {
            app.gateway.undo().await?;
            app.config.reset()?
        }
        ConfigUpdate::CatalogUrl(url) => {
            let catalog: CatalogUrl = url.parse().map_err(CatalogError::Url)?;
            let published = app
                .stack
                .discover(&catalog)
                .await
                .map_err(ApiError::NotACatalog)?;
            app.config.replace(&catalog, &published.values)?;
            // Whoever uses quilt3 through the gateway goes on doing so.
            let open = open_gateway(&app);
            app.gateway.follow(&catalog, &published, open).await?;
            app.config.read()?
        }
        ConfigUpdate::Values(values) => app.config.merge(&values)?,
    };
    Ok(Json(values))
}
