//! Every other part of the API: there is nothing, but what is sent is read.

use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use http::StatusCode;
use serde_json::json;

/// Reads the body, whatever its size, and says how long it was.
pub(super) async fn elsewhere(body: Body) -> Response {
    let mut stream = body.into_data_stream();
    let mut bytes = 0;
    while let Some(Ok(piece)) = stream.next().await {
        bytes += piece.len();
    }
    let answer = json!({"message": "Not found", "bytes": bytes});
    (StatusCode::NOT_FOUND, Json(answer)).into_response()
}
