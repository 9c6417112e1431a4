//! The OAuth token endpoint.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Form, State};
use axum::response::{IntoResponse, Response};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use http::header::CACHE_CONTROL;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{SCOPE, error};
use crate::fake_stack::identity::refresh_tokens::{Grant, Issuer};
use crate::fake_stack::state::Core;

#[derive(Deserialize)]
pub(crate) struct Request {
    grant_type: String,
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    redirect_uri: String,
    #[serde(default)]
    code_verifier: String,
    #[serde(default)]
    refresh_token: String,
}

pub(crate) async fn token(State(core): State<Arc<Core>>, Form(request): Form<Request>) -> Response {
    if core.grants.lock().client(&request.client_id).is_none() {
        return error("invalid_client", "no such client");
    }
    match request.grant_type.as_str() {
        "authorization_code" => redeem(&core, &request),
        "refresh_token" => refresh(&core, &request),
        _ => error("unsupported_grant_type", "use a code or a refresh token"),
    }
}

fn redeem(core: &Core, request: &Request) -> Response {
    let invalid = |description| error("invalid_grant", description);
    let redeemed = core.grants.lock().redeem(&request.code);
    let granted = match redeemed {
        Ok(granted) => granted,
        Err(redeemed) => {
            // OAuth 2.1, 4.1.2: a code used twice takes its tokens with it.
            if let Some(redeemed) = redeemed {
                core.sessions.lock().revoke_token(&redeemed.refresh_token);
            }
            return invalid("the code is unknown or was used");
        }
    };
    if granted.client != request.client_id || granted.redirect_uri != request.redirect_uri {
        return invalid("the code was given for another request");
    }
    if challenge(&request.code_verifier) != granted.challenge {
        return invalid("the code verifier does not fit the challenge");
    }
    let issuer = Issuer::Connect {
        client: granted.client,
    };
    let rotation = core.settings.lock().rotation;
    let grant = {
        let mut sessions = core.sessions.lock();
        let first = sessions.start(&granted.user, issuer.clone());
        sessions.refresh(&first, &issuer, rotation, false)
    };
    let Ok(grant) = grant else {
        return invalid("the session could not be started");
    };
    core.grants
        .lock()
        .redeemed(&request.code, &grant.refresh_token);
    answer(core, &grant, true)
}

fn refresh(core: &Core, request: &Request) -> Response {
    let (rotation, omit) = {
        let settings = core.settings.lock();
        (settings.rotation, settings.connect.omit_refresh_token)
    };
    let issuer = Issuer::Connect {
        client: request.client_id.clone(),
    };
    let grant = core
        .sessions
        .lock()
        .refresh(&request.refresh_token, &issuer, rotation, !omit);
    if let Ok(grant) = grant {
        return answer(core, &grant, !omit);
    }
    core.counts.operation("token:refused");
    error("invalid_grant", "the refresh token is not valid")
}

fn answer(core: &Core, grant: &Grant, with_refresh_token: bool) -> Response {
    let Some(access) = core.access_token(grant) else {
        return error("invalid_grant", "the user is not active");
    };
    let mut body = json!({
        "access_token": access.token,
        "token_type": "Bearer",
        "scope": SCOPE,
    });
    if with_refresh_token {
        body["refresh_token"] = json!(grant.refresh_token);
    }
    if !core.settings.lock().connect.omit_expires_in {
        body["expires_in"] = json!(access.expires_at - core.clock.now().as_second());
    }
    ([(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// The S256 challenge of a verifier (RFC 7636, 4.2).
fn challenge(verifier: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_rfc_7636_appendix_b() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(
            challenge(verifier),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }
}
