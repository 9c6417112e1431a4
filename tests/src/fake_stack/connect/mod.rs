//! The OAuth 2.1 server, on the catalog's own origin.

mod authorize;
mod register;
mod revoke;
mod token;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use serde_json::json;

use super::state::Core;

/// The one scope there is.
const SCOPE: &str = "platform";
const BODY_LIMIT: usize = 64 * 1024;

pub(crate) fn router(core: &Arc<Core>) -> Router {
    let authorize = get(authorize::show).post(authorize::approve);
    Router::new()
        .route("/.well-known/oauth-authorization-server", get(metadata))
        .route("/auth/register", post(register::register))
        .route("/connect/authorize", authorize.clone())
        .route("/auth/authorize", authorize)
        .route("/auth/token", post(token::token))
        .route("/auth/revoke", post(revoke::revoke))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(Arc::clone(core), only_if_enabled))
        .with_state(Arc::clone(core))
}

/// A deployment without an OAuth server knows none of its paths.
async fn only_if_enabled(State(core): State<Arc<Core>>, request: Request, next: Next) -> Response {
    if core.settings.lock().connect.enabled {
        return next.run(request).await;
    }
    StatusCode::NOT_FOUND.into_response()
}

/// Server metadata (RFC 8414).
async fn metadata(State(core): State<Arc<Core>>) -> Response {
    let origin = core.catalog_origin();
    Json(json!({
        "issuer": origin,
        "authorization_endpoint": format!("{origin}/connect/authorize"),
        "token_endpoint": format!("{origin}/auth/token"),
        "registration_endpoint": format!("{origin}/auth/register"),
        "revocation_endpoint": format!("{origin}/auth/revoke"),
        "scopes_supported": [SCOPE],
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
    }))
    .into_response()
}

/// An error answer of RFC 6749, section 5.2.
fn error(code: &str, description: &str) -> Response {
    let body = Json(json!({"error": code, "error_description": description}));
    (StatusCode::BAD_REQUEST, [(CACHE_CONTROL, "no-store")], body).into_response()
}
