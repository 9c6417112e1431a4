//! Who a request comes from.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::keys;
use super::users::User;
use crate::fake_stack::state::Core;

/// Why a bearer token is not accepted. The texts are those of real stacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BearerError {
    #[error("Authentication required")]
    Missing,
    #[error("Token could not be deserialized")]
    Unreadable,
    #[error("Outdated access token: please log in again")]
    Outdated,
    #[error("Authentication failed. Check your credentials or API key.")]
    Key,
    #[error("User is not active")]
    Inactive,
}

impl IntoResponse for BearerError {
    fn into_response(self) -> Response {
        let body = Json(json!({"message": self.to_string()}));
        (StatusCode::UNAUTHORIZED, body).into_response()
    }
}

impl Core {
    /// The user whose access token or API key the request carries.
    pub(crate) fn authenticate(&self, headers: &HeaderMap) -> Result<User, BearerError> {
        let token = bearer(headers).ok_or(BearerError::Missing)?;
        let user = if token.starts_with(keys::PREFIX) {
            let key = self.keys.lock().use_secret(token, self.clock.now());
            self.users
                .lock()
                .user(&key.ok_or(BearerError::Key)?.user)
                .cloned()
        } else {
            let claims = self.jwt.read(token).ok_or(BearerError::Unreadable)?;
            let live = claims.exp > self.clock.now().as_second();
            if !live || self.sessions.lock().access(&claims.uuid).is_none() {
                return Err(BearerError::Outdated);
            }
            self.users.lock().by_id(&claims.id).cloned()
        };
        user.filter(|user| user.active).ok_or(BearerError::Inactive)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
