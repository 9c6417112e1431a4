//! The registry gateway: a registry on loopback for the Python SDK.
//!
//! Speaks the registry's own paths. The bearer token has to be a grant's; in
//! its place the daemon's own goes upstream. What gives out tokens or AWS
//! credentials is answered here, so that none of the stack's reaches the SDK's
//! files.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use http::request::Parts;
use http::{Method, StatusCode, header};
use quilt_proto::{CatalogUrl, ErrorCode, Problem, ProfileName, Secret, Timestamp};
use serde_json::{Value, json};

use super::{Desk, answer, private};
use crate::api::error::ApiError;
use crate::app::App;
use crate::gateway::carry;
use crate::grant::{Endpoint, Opened, Right};
use crate::listen::{Limits, LoopbackListener};
use crate::session::SessionError;
use crate::stack::{Forward, Forwarded};

/// The command that gives the SDK a new grant.
const HINT: &str = "quiltctl setup quilt3";

/// How long the SDK waits for AWS credentials that have to be fetched.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the SDK may keep a grant before it asks for it again, in seconds.
/// It reads its files once a process: this outlives any of them.
const ASK_AGAIN: i64 = 10 * 365 * 24 * 3600;

/// The largest request carried, in bytes.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// The largest form that asks for a token, in bytes.
const MAX_FORM: usize = 16 * 1024;

/// How much of a path the audit log keeps, in characters.
const MAX_NOTED: usize = 200;

/// How long a request's body may take.
const BODY_TIME: Duration = Duration::from_secs(20);

/// Parts of the registry, by the first word after `/api/`, that make, take or
/// end logins. What they answer would be worth something off this machine.
const KEPT_BACK: &[&str] = &[
    "activate",
    "auth",
    "change_password",
    "code",
    "disconnect",
    "login",
    "logout",
    "password",
    "refresh",
    "register",
    "reset_password",
    "sso_login",
    "token",
];

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
        body_bytes: MAX_BODY as u64,
        request_time: Duration::from_mins(2),
        ..LoopbackListener::limits()
    }
}

/// The grant in a request, and its catalog.
fn granted(desk: &Desk, request: &Parts) -> Option<(Opened, CatalogUrl)> {
    let opened = desk.opened(request, Some("Bearer"))?;
    match &opened.right {
        Right::Registry { catalog } => {
            let catalog = catalog.clone();
            Some((opened, catalog))
        }
        Right::Credentials { .. } => None,
    }
}

/// `/api/token`: a grant is its own successor. A 200 with an `error` is what
/// the SDK shows to its user.
async fn token(State(desk): State<Desk>, request: Request) -> Response {
    let (parts, stream) = request.into_parts();
    let form = match body(stream, MAX_FORM).await {
        Ok(form) => form,
        Err(problem) => return super::refuse(&desk.throttle, &problem),
    };
    let mut fields = url::form_urlencoded::parse(&form);
    let token = fields.find(|(name, _)| name == "refresh_token");
    let token = Secret::new(
        token
            .map(|(_, token)| token.into_owned())
            .unwrap_or_default(),
    );
    let opened = desk.open(token.expose(), &parts.extensions);
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
async fn credentials(State(desk): State<Desk>, request: Parts) -> Response {
    let Some((opened, _)) = granted(&desk, &request) else {
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

/// Everything else the registry serves to programs. The grant is looked at
/// before the body is read.
async fn forward(State(desk): State<Desk>, request: Request) -> Response {
    let (parts, stream) = request.into_parts();
    let Some((opened, catalog)) = granted(&desk, &parts) else {
        return desk.refuse(HINT);
    };
    if !is_carried(&parts.method, parts.uri.path()) {
        let problem = Problem::new(404, ErrorCode::NotFound, "the gateway does not carry this");
        return answer(&problem.with_hint("quiltctl --help"));
    }
    let body = match body(stream, MAX_BODY).await {
        Ok(body) => body,
        Err(problem) => return answer(&problem),
    };
    let noted = noted(&parts.method, parts.uri.path());
    let target = parts.uri.path_and_query();
    let request = Forward {
        target: target.map_or("/", |target| target.as_str()).to_owned(),
        method: parts.method,
        headers: parts.headers,
        body,
    };
    // In a task of its own: who hangs up in the middle of switching the role
    // must not leave credentials of the other one behind.
    let app = Arc::clone(&desk.app);
    let carried = tokio::spawn(async move { carry_and_flush(&app, &catalog, request).await });
    let outcome = carried.await.unwrap_or(Err(SessionError::Stopping));
    match outcome {
        Ok(carried) => {
            desk.note("registry", Ok(()), &opened, Some(noted));
            harmless(carried.map(Body::new))
        }
        Err(error) => {
            let problem = ApiError::from(error).problem();
            desk.note("registry", Err(&problem), &opened, Some(noted));
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

async fn carry_and_flush(
    app: &App,
    catalog: &CatalogUrl,
    request: Forward,
) -> Result<Forwarded, SessionError> {
    app.follow_store().await;
    let session = app.sessions.session(catalog);
    // Whoever switches the role this way has stale credentials, too.
    let switches_role = mentions(&request.body, "switchRole");
    let carried = carry(&app.stack, &session, request).await;
    if switches_role {
        session.role_switched().await;
        app.vault.flush(catalog);
    }
    carried
}

/// Whether a request is one for the gateway: plainly written, of a usual
/// method, and of none of the parts that are about logins.
fn is_carried(method: &Method, path: &str) -> bool {
    let usual = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
    ];
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"-._~/".contains(&c);
    let mut words = path.split('/').skip(1);
    let allowed = match words.next() {
        Some("graphql") => true,
        Some("api") => words.next().is_some_and(|word| {
            !word.is_empty() && !KEPT_BACK.contains(&word.to_ascii_lowercase().as_str())
        }),
        _ => false,
    };
    usual.contains(method) && path.bytes().all(plain) && !path.contains("//") && allowed
}

/// What the audit log says of a request: never its query, which may hold what
/// was searched for. A path that is carried is plain ASCII.
fn noted(method: &Method, path: &str) -> String {
    let cut: String = path.chars().take(MAX_NOTED).collect();
    let more = if cut.len() < path.len() { "…" } else { "" };
    format!("{method} {cut}{more}")
}

/// A request's body, within bounds.
async fn body(stream: Body, most: usize) -> Result<Bytes, Problem> {
    let read = tokio::time::timeout(BODY_TIME, axum::body::to_bytes(stream, most));
    match read.await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => {
            let detail = format!("the body broke off, or is larger than {most} bytes");
            Err(Problem::new(413, ErrorCode::InvalidInput, detail))
        }
        Err(_) => {
            let detail = "the body takes too long";
            Err(Problem::new(408, ErrorCode::InvalidInput, detail))
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

/// Whether a JSON body has a word in it, however it is escaped.
fn mentions(body: &[u8], word: &str) -> bool {
    let body = match serde_json::from_slice::<Value>(body) {
        Ok(value) => value.to_string(),
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    body.contains(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_logins_is_not_carried_however_it_is_written() {
        for path in [
            "/graphql",
            "/api/search",
            "/api/package_list/x/y",
            "/api/codes",
        ] {
            assert!(is_carried(&Method::GET, path), "{path}");
        }
        for path in [
            "/api/code",
            "/api/Code/",
            "/api/auth/get_credentials/",
            "/api/auth/get_credential%73",
            "/api/%74oken",
            "/api/refresh;x",
            "/api//refresh",
            "/api/",
            "/login",
        ] {
            assert!(!is_carried(&Method::GET, path), "{path}");
        }
        assert!(!is_carried(&Method::TRACE, "/api/search"));
    }

    #[test]
    fn an_escaped_word_is_the_word() {
        assert!(mentions(
            br#"{"query": "mutation { switch\u0052ole }"}"#,
            "switchRole"
        ));
        assert!(mentions(b"switchRole", "switchRole"));
        assert!(!mentions(br#"{"query": "{ me { name } }"}"#, "switchRole"));
    }
}
