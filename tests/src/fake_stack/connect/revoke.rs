//! Token revocation (RFC 7009).

use std::sync::Arc;

use axum::extract::{Form, State};
use http::StatusCode;
use serde::Deserialize;

use crate::fake_stack::state::Core;

#[derive(Deserialize)]
pub(crate) struct Request {
    token: String,
}

/// Ends the session of a refresh token. An unknown token is no error (RFC 7009, 2.2).
pub(crate) async fn revoke(
    State(core): State<Arc<Core>>,
    Form(Request { token }): Form<Request>,
) -> StatusCode {
    core.sessions.lock().revoke_token(&token);
    StatusCode::OK
}
