//! `GET /v1/audit`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use quilt_proto::Timestamp;
use quilt_proto::wire::{AuditEntry, Since, SinceError};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::error::ApiError;
use crate::api::extract::Params;
use crate::app::App;

#[derive(Deserialize, JsonSchema)]
pub(in crate::api) struct Extent {
    /// From when on: an RFC 3339 time, or how long ago (`90s`, `30m`, `1h`,
    /// `7d`); everything there is when absent.
    since: Option<String>,
}

pub(in crate::api) async fn list(
    State(app): State<Arc<App>>,
    Params(Extent { since }): Params<Extent>,
) -> Result<Json<Vec<AuditEntry>>, ApiError> {
    let since = since
        .map(|since| since.parse::<Since>())
        .transpose()
        .map_err(|error: SinceError| ApiError::Input(error.to_string()))?;
    let since = since.map(|since| since.at(Timestamp::now()));
    Ok(Json(app.audit.read(since).await?))
}
