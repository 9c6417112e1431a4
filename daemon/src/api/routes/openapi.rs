//! `GET /v1/openapi.json`.

use std::sync::OnceLock;

use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use quilt_proto::api::{Endpoint, ReadOpenApi};

use crate::api::endpoint::Call;
use crate::api::error::ApiError;
use crate::api::openapi;

/// Made for the first who asks and shared by all who do: it takes long to
/// make, and however many ask at once shall not hold a copy each. A daemon
/// that nobody asks holds nothing of it.
static DOCUMENT: OnceLock<Bytes> = OnceLock::new();

pub(in crate::api) async fn show(_: Call<ReadOpenApi>) -> Result<Response, ApiError> {
    let document = DOCUMENT.get_or_init(|| openapi::document().to_string().into());
    let kind = [(CONTENT_TYPE, ReadOpenApi::MEDIA_TYPE)];
    Ok((kind, document.clone()).into_response())
}
