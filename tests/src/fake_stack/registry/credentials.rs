//! `/api/auth/get_credentials`: AWS credentials of the user's active role.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde_json::json;

use crate::fake_stack::aws::credentials::Principal;
use crate::fake_stack::clock;
use crate::fake_stack::config::RoleConfig;
use crate::fake_stack::state::Core;

pub(crate) async fn credentials(State(core): State<Arc<Core>>, headers: HeaderMap) -> Response {
    let user = match core.authenticate(&headers) {
        Ok(user) => user,
        Err(refused) => return refused.into_response(),
    };
    let access = core.users.lock().access(&user.role);
    let principal = Principal::role_session(&RoleConfig::arn(&user.role), &user.name, access);
    let seconds = core.settings.lock().credential_seconds;
    let expires_at = clock::plus(core.clock.now(), seconds);
    let issued = core.credentials.lock().issue(principal, expires_at);
    let body = json!({
        "AccessKeyId": issued.access_key_id,
        "SecretAccessKey": issued.secret_access_key,
        "SessionToken": issued.session_token,
        "Expiration": clock::iso_offset(issued.expires_at),
    });
    Json(body).into_response()
}
