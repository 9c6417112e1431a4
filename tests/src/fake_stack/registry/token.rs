//! `/api/token`: a refresh token for a fresh pair.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Form, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use crate::fake_stack::clock;
use crate::fake_stack::identity::jwt::Claims;
use crate::fake_stack::identity::refresh_tokens::{Grant, Issuer};
use crate::fake_stack::settings::TokenRefusal;
use crate::fake_stack::state::Core;

#[derive(Deserialize)]
pub(crate) struct Request {
    refresh_token: String,
}

pub(crate) async fn token(
    State(core): State<Arc<Core>>,
    Form(Request { refresh_token }): Form<Request>,
) -> Response {
    let (rotation, refusal) = {
        let settings = core.settings.lock();
        (settings.rotation, settings.token_refusal)
    };
    let grant = core
        .sessions
        .lock()
        .refresh(&refresh_token, &Issuer::Registry, rotation, true);
    let issued = grant
        .ok()
        .and_then(|grant| Some((core.access_token(&grant)?, grant)));
    let Some((access, grant)) = issued else {
        core.counts.operation("token:refused");
        return refuse(refusal);
    };
    let body = json!({
        "access_token": access.token,
        "refresh_token": grant.refresh_token,
        "expires_at": access.expires_at,
    });
    Json(body).into_response()
}

fn refuse(refusal: TokenRefusal) -> Response {
    const MESSAGE: &str = "Invalid refresh token";
    let message = Json(json!({"message": MESSAGE}));
    match refusal {
        TokenRefusal::Unauthorized => (StatusCode::UNAUTHORIZED, message).into_response(),
        TokenRefusal::BadRequest => (StatusCode::BAD_REQUEST, message).into_response(),
        TokenRefusal::OkWithError => Json(json!({"error": MESSAGE})).into_response(),
    }
}

/// A signed access token.
pub(crate) struct AccessToken {
    pub(crate) token: String,
    /// Unix seconds.
    pub(crate) expires_at: i64,
}

impl Core {
    /// Signs the access token of a grant; nothing for a user who is gone or inactive.
    pub(crate) fn access_token(&self, grant: &Grant) -> Option<AccessToken> {
        let id = {
            let users = self.users.lock();
            users
                .user(&grant.user)
                .filter(|user| user.active)?
                .id
                .clone()
        };
        let seconds = self.settings.lock().access_token_seconds;
        let expires_at = clock::plus(self.clock.now(), seconds).as_second();
        let claims = Claims {
            id,
            uuid: grant.access_id.clone(),
            exp: expires_at,
        };
        Some(AccessToken {
            token: self.jwt.sign(&claims),
            expires_at,
        })
    }
}
