//! `GET /v1/token`.

use std::time::Duration;

use axum::Json;
use axum::response::Response;
use quilt_proto::wire::Token;

use super::last::last;
use crate::api::error::ApiError;
use crate::api::extract::OfCatalog;

/// How long a caller waits for a token that has to be fetched.
const PATIENCE: Duration = Duration::from_secs(10);

pub(in crate::api) async fn show(OfCatalog(session): OfCatalog) -> Result<Response, ApiError> {
    let bearer = session.bearer(PATIENCE).await?;
    Ok(last(Json(Token {
        token: bearer.token,
        expires_at: bearer.expires_at,
        kind: bearer.kind,
    })))
}
