//! The registry gateway: a registry on loopback for the Python SDK.
//!
//! Speaks the registry's own paths. The bearer token has to be a grant's; in
//! its place the daemon's own goes upstream. What gives out tokens or AWS
//! credentials is answered here, so that none of the stack's reaches the SDK's
//! files.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Form, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use http::header;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use quilt_proto::{CatalogUrl, ErrorCode, Problem, ProfileName, Secret, Timestamp};
use serde::Deserialize;
use serde_json::json;

use super::{Desk, answer, private};
use crate::api::error::ApiError;
use crate::app::App;
use crate::gateway::{Carried, carry};
use crate::grant::{Endpoint, Opened, Right};
use crate::listen::{Limits, LoopbackListener};
use crate::stack::Forward;

/// The command that gives the SDK a new grant.
const HINT: &str = "quiltctl setup quilt3";

/// How long the SDK waits for AWS credentials that have to be fetched.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the SDK may keep a grant before it asks for it again, in seconds.
/// It reads its files once a process: this outlives any of them.
const ASK_AGAIN: i64 = 10 * 365 * 24 * 3600;

/// Starts the listener that grants of a registry are good at.
pub(in crate::api) fn open(app: &Arc<App>, port: u16) -> std::io::Result<Endpoint> {
    let routes = Router::new()
        .route("/api/token", post(token))
        .route("/api/auth/get_credentials", get(credentials))
        .route("/api/{*path}", any(forward))
        .route("/graphql", any(forward))
        .route("/login", any(login))
        .route("/code", any(login));
    super::open(app, port, limits(), routes)
}

/// Requests may be larger and take longer than those for credentials.
fn limits() -> Limits {
    Limits {
        body_bytes: 16 * 1024 * 1024,
        request_time: Duration::from_mins(2),
        ..LoopbackListener::limits()
    }
}

/// The grant in a request, and its catalog.
fn granted(desk: &Desk, headers: &HeaderMap) -> Option<(Opened, CatalogUrl)> {
    let opened = desk.opened(headers, Some("Bearer"))?;
    match &opened.right {
        Right::Registry { catalog } => {
            let catalog = catalog.clone();
            Some((opened, catalog))
        }
        Right::Credentials { .. } => None,
    }
}

#[derive(Deserialize)]
struct Refresh {
    refresh_token: Secret,
}

/// `/api/token`: a grant is its own successor. A 200 with an `error` is what
/// the SDK shows to its user.
async fn token(State(desk): State<Desk>, Form(refresh): Form<Refresh>) -> Response {
    let token = refresh.refresh_token.expose();
    let opened = desk.app.grants.open(token);
    if !opened.is_some_and(|opened| matches!(opened.right, Right::Registry { .. })) {
        if !desk.throttle.pass() {
            return private(StatusCode::TOO_MANY_REQUESTS.into_response());
        }
        let error = "quiltd holds this machine's logins; run: quiltctl login";
        return private(Json(json!({ "error": error })).into_response());
    }
    let expires_at = Timestamp::now().plus_seconds(ASK_AGAIN).unix();
    private(
        Json(json!({
            "access_token": token, "refresh_token": token, "expires_at": expires_at,
        }))
        .into_response(),
    )
}

/// `/api/auth/get_credentials`, from the one cache of credentials.
async fn credentials(State(desk): State<Desk>, headers: HeaderMap) -> Response {
    let Some((opened, _)) = granted(&desk, &headers) else {
        return desk.refuse(HINT);
    };
    let profile = ProfileName::default_profile();
    match desk.vend(&opened, &profile, PATIENCE).await {
        Ok(credentials) => {
            let body = json!({
                "AccessKeyId": credentials.access_key_id,
                "SecretAccessKey": credentials.secret_access_key,
                "SessionToken": credentials.session_token,
                "Expiration": credentials.expires_at,
            });
            private(Json(body).into_response())
        }
        Err(problem) => answer(&problem),
    }
}

/// Everything else the registry serves to programs.
async fn forward(State(desk): State<Desk>, parts: Parts, body: Bytes) -> Response {
    let Some((opened, catalog)) = granted(&desk, &parts.headers) else {
        return desk.refuse(HINT);
    };
    let session = desk.app.sessions.session(&catalog);
    let target = parts
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    // Whoever switches the role this way has stale credentials, too.
    let switches_role = parts.uri.path() == "/graphql" && mentions(&body, b"switchRole");
    let request = Forward {
        target: target.to_owned(),
        method: parts.method,
        headers: parts.headers,
        body,
    };
    let carried = carry(&desk.app.stack, &session, request).await;
    if switches_role {
        session.change_identity();
        desk.app.vault.flush(&catalog);
    }
    match carried {
        Ok(carried) => {
            desk.note("registry", Ok(()), &opened);
            harmless(match carried {
                Carried::Stream(answer) => answer.map(Body::new),
                Carried::Whole(answer) => answer.map(Body::from),
            })
        }
        Err(error) => {
            let problem = ApiError::from(error).problem();
            desk.note("registry", Err(&problem), &opened);
            // The SDK takes a 401 for what it is, and tells its user so.
            answer(&Problem {
                status: match problem.code {
                    ErrorCode::InvalidApiKey => 401,
                    _ => problem.status,
                },
                ..problem
            })
        }
    }
}

/// The login pages: a browser would be refused, so whoever comes here is told
/// where logins are made.
async fn login(State(desk): State<Desk>) -> Response {
    let detail = "quiltd holds this machine's logins";
    let problem = Problem::new(404, ErrorCode::NotFound, detail).with_hint("quiltctl login");
    super::refuse(&desk.throttle, &problem)
}

/// Whatever the registry says to web pages, this listener has none.
fn harmless(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let cross_origin: Vec<_> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("access-control-"))
        .cloned()
        .collect();
    for name in cross_origin {
        headers.remove(name);
    }
    headers.remove(header::VARY);
    private(response)
}

fn mentions(body: &[u8], word: &[u8]) -> bool {
    body.windows(word.len()).any(|window| window == word)
}
