//! `GET /v1/status`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use quilt_proto::wire::Status;
use serde::Deserialize;

use crate::api::error::ApiError;
use crate::api::extract::Params;
use crate::api::finding;
use crate::app::App;

#[derive(Deserialize)]
pub(in crate::api) struct Filter {
    catalog: Option<String>,
}

pub(in crate::api) async fn show(
    State(app): State<Arc<App>>,
    Params(filter): Params<Filter>,
) -> Result<Json<Status>, ApiError> {
    let catalog = match filter.catalog {
        Some(_) => Some(app.catalog(filter.catalog.as_deref())?),
        None => None,
    };
    if let Some(catalog) = &catalog {
        app.sessions.session(catalog);
    }
    Ok(Json(finding::status(&app, catalog.as_ref())))
}
