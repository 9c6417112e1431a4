//! `GET /v1/openapi.json`.

use std::sync::OnceLock;

use axum::body::Bytes;
use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;

use crate::api::openapi;

/// Made for the first who asks and shared by all who do: it takes long to
/// make, and however many ask at once shall not hold a copy each. A daemon
/// that nobody asks holds nothing of it.
static DOCUMENT: OnceLock<Bytes> = OnceLock::new();

pub(in crate::api) async fn show() -> impl IntoResponse {
    let document = DOCUMENT.get_or_init(|| openapi::document().to_string().into());
    ([(CONTENT_TYPE, "application/json")], document.clone())
}
