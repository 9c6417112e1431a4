//! `/v1/packages`: listing, versions, deletion.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use quilt_proto::wire::{DeletedPackage, PackageVersion};
use quilt_proto::{PackageName, TopHash};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::error::ApiError;
use crate::api::extract::{Params, Segments};
use crate::api::listing;
use crate::app::App;
use crate::package::{PackageError, Registry};

#[derive(Deserialize, JsonSchema)]
pub(in crate::api) struct Where {
    catalog: Option<String>,
    /// The registry, `s3://…` or `file://…`; the configured local one when
    /// absent.
    registry: Option<String>,
    /// The registry's layout, 1 or 2; as configured, or as it turns out to be,
    /// when absent.
    layout: Option<u8>,
    /// The one version to delete, by its hash or how that begins (6 to 64 hex
    /// digits); all of them when absent.
    top_hash: Option<String>,
}

impl Where {
    fn open(&self, app: &App) -> Result<Registry, PackageError> {
        let session = || app.session(self.catalog.as_deref());
        app.packages
            .open(self.registry.as_deref(), self.layout, session)
    }
}

/// Answers once the first names are there, and goes on while they come.
pub(in crate::api) async fn list(
    State(app): State<Arc<App>>,
    Params(at): Params<Where>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let registry = at.open(&app)?;
    Ok(listing::answer(registry.names(), &headers).await?)
}

pub(in crate::api) async fn versions(
    State(app): State<Arc<App>>,
    path: Segments<(String, String)>,
    Params(at): Params<Where>,
) -> Result<Json<Vec<PackageVersion>>, ApiError> {
    let name = name(path)?;
    Ok(Json(at.open(&app)?.versions(&name).await?))
}

pub(in crate::api) async fn delete(
    State(app): State<Arc<App>>,
    path: Segments<(String, String)>,
    Params(at): Params<Where>,
) -> Result<Json<DeletedPackage>, ApiError> {
    let name = name(path)?;
    let top_hash: Option<TopHash> = at.top_hash.as_deref().map(str::parse).transpose()?;
    let registry = at.open(&app)?;
    let _alone = app.packages.lock(&registry, &name).await;
    Ok(Json(registry.delete(&name, top_hash.as_ref()).await?))
}

fn name(Segments((namespace, name)): Segments<(String, String)>) -> Result<PackageName, ApiError> {
    Ok(format!("{namespace}/{name}").parse()?)
}
