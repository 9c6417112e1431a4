//! `POST /v1/search`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use quilt_proto::wire::Search;
use serde_json::Value;

use crate::api::error::ApiError;
use crate::api::extract::{Body, OfCatalog};
use crate::app::App;

/// How long a caller waits for a token that has to be fetched first.
const PATIENCE: Duration = Duration::from_secs(10);

/// A refusal may be about the search alone, so it ends no session.
pub(in crate::api) async fn run(
    State(app): State<Arc<App>>,
    OfCatalog(session): OfCatalog,
    Body(search): Body<Search>,
) -> Result<Json<Vec<Value>>, ApiError> {
    let hits = session
        .authorized(PATIENCE, false, |bearer| {
            let (stack, search) = (&app.stack, &search);
            async move { stack.search(&bearer.registry, &bearer.token, search).await }
        })
        .await
        .map_err(ApiError::Search)?;
    Ok(Json(hits))
}
