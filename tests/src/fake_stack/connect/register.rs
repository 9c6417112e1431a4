//! Client registration (RFC 7591).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::error;
use crate::fake_stack::oauth::Client;
use crate::fake_stack::state::Core;

#[derive(Deserialize)]
pub(crate) struct Request {
    #[serde(default)]
    client_name: String,
    redirect_uris: Vec<String>,
    #[serde(default)]
    token_endpoint_auth_method: Option<String>,
}

pub(crate) async fn register(
    State(core): State<Arc<Core>>,
    Json(request): Json<Request>,
) -> Response {
    if request
        .token_endpoint_auth_method
        .as_deref()
        .is_some_and(|method| method != "none")
    {
        return error("invalid_client_metadata", "only public clients are served");
    }
    let loopback_allowed = core.settings.lock().connect.loopback_allowed;
    let acceptable = |uri: &String| match Url::parse(uri) {
        Ok(uri) if uri.fragment().is_some() => false,
        Ok(uri) if is_loopback(&uri) => loopback_allowed,
        Ok(uri) => uri.scheme() == "https",
        Err(_) => false,
    };
    if request.redirect_uris.is_empty() || !request.redirect_uris.iter().all(acceptable) {
        return error(
            "invalid_redirect_uri",
            "a redirect URI is not allowed by this stack",
        );
    }
    let body = json!({
        "client_name": request.client_name,
        "redirect_uris": request.redirect_uris,
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
    });
    let client = Client {
        name: request.client_name,
        redirect_uris: request.redirect_uris,
    };
    let id = core.grants.lock().register(client);
    let mut body = body;
    body["client_id"] = json!(id);
    (StatusCode::CREATED, Json(body)).into_response()
}

/// Whether a redirect stays on the user's machine.
pub(crate) fn is_loopback(uri: &Url) -> bool {
    let host = uri.host_str().unwrap_or_default();
    uri.scheme() == "http" && ["127.0.0.1", "[::1]", "localhost"].contains(&host)
}
