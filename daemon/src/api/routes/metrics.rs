//! `GET /metrics`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;
use quilt_proto::Timestamp;

use crate::api::error::ApiError;
use crate::app::App;

/// The media type of OpenMetrics text (OpenMetrics 1.0, "Overall structure").
pub(in crate::api) const OPEN_METRICS: &str =
    "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(in crate::api) async fn show(
    State(app): State<Arc<App>>,
) -> Result<impl IntoResponse, ApiError> {
    let (status, dropped) = (app.status(None), app.audit.dropped());
    let text = app.metrics.text(&status, dropped, Timestamp::now());
    let text = text.map_err(|error| ApiError::Machine(error.to_string()))?;
    Ok(([(CONTENT_TYPE, OPEN_METRICS)], text))
}
