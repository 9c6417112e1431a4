//! `GET /v1/openapi.json`.

use axum::Json;
use serde_json::Value;

use crate::api::openapi;

/// Made anew for whoever asks, which is seldom; a daemon that nobody asks
/// holds nothing of it.
pub(in crate::api) async fn show() -> Json<Value> {
    Json(openapi::document())
}
