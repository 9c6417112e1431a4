//! `GET /metrics`.

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use quilt_proto::Timestamp;
use quilt_proto::api::{Endpoint, ReadMetrics};

use crate::api::endpoint::Call;
use crate::api::error::ApiError;

pub(in crate::api) async fn show(
    Call { app, .. }: Call<ReadMetrics>,
) -> Result<Response, ApiError> {
    let (status, dropped) = (app.status(None), app.audit.dropped());
    let text = app.metrics.text(&status, dropped, Timestamp::now());
    let text = text.map_err(|error| ApiError::Machine(error.to_string()))?;
    Ok(([(CONTENT_TYPE, ReadMetrics::MEDIA_TYPE)], text).into_response())
}
