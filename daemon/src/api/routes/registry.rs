//! `PUT /v1/session/registry`: the user's word for where a registry is.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use quilt_proto::wire::{RegistryAcceptance, Session};

use super::session::describe;
use crate::api::error::ApiError;
use crate::api::extract::{Body, OfCatalog};
use crate::app::App;

pub(in crate::api) async fn accept(
    State(app): State<Arc<App>>,
    OfCatalog(session): OfCatalog,
    Body(RegistryAcceptance { accept_registry }): Body<RegistryAcceptance>,
) -> Result<Json<Session>, ApiError> {
    app.keys.accept_registry(&session, &accept_registry).await?;
    Ok(Json(describe(&session, None)))
}
