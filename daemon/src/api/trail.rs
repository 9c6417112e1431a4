//! Notes in the audit log who was handed a secret, or changed who we are.

use std::sync::{Arc, OnceLock};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::Method;
use quilt_proto::wire::AuditEntry;
use quilt_proto::{CatalogUrl, ErrorCode, ProfileName, Timestamp};
use url::form_urlencoded;

use crate::app::App;
use crate::listen::Peer;

/// The catalog a request turned out to be about.
pub(super) type Concerned = Arc<OnceLock<CatalogUrl>>;

/// What is noted, by method and path, and whether it is of a profile.
const NOTED: &[(Method, &str, &str, bool)] = &[
    (Method::GET, "/v1/token", "token", false),
    (Method::GET, "/v1/aws/credentials", "credentials", true),
    (Method::GET, "/v1/aws/console", "console", true),
    (Method::POST, "/v1/aws/grants", "grant", true),
    (Method::DELETE, "/v1/aws/grants/{id}", "grant_revoke", false),
    (Method::PUT, "/v1/gateway", "gateway_set_up", false),
    (Method::DELETE, "/v1/gateway", "gateway_undo", false),
    (Method::POST, "/v1/session", "login", false),
    (Method::POST, "/v1/session/web", "web_login", false),
    (Method::DELETE, "/v1/session", "logout", false),
    (
        Method::PUT,
        "/v1/session/registry",
        "registry_accept",
        false,
    ),
    (Method::PUT, "/v1/session/api-key", "api_key_set", false),
    (
        Method::DELETE,
        "/v1/session/api-key",
        "api_key_clear",
        false,
    ),
    (Method::PUT, "/v1/me/role", "role_switch", false),
    (Method::POST, "/v1/api-keys", "api_key_create", false),
    (Method::DELETE, "/v1/api-keys/{id}", "api_key_revoke", false),
    (Method::POST, "/v1/api-keys/revoke", "api_key_revoke", false),
    (Method::POST, "/v1/api-keys/rotate", "api_key_rotate", false),
    (Method::POST, "/v1/shutdown", "shutdown", false),
];

/// Runs a request and notes how it went, if it is one of those.
pub(super) async fn note(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.extensions().get::<MatchedPath>();
    let path = path.map(MatchedPath::as_str).unwrap_or_default();
    let noted = NOTED
        .iter()
        .find(|(method, noted, ..)| method == request.method() && *noted == path);
    let Some((.., action, of_profile)) = noted else {
        return next.run(request).await;
    };
    let profile = of_profile.then(|| profile(request.uri().query().unwrap_or_default()));
    let peer = request.extensions().get::<Peer>().cloned();
    let concerned = Concerned::default();
    request.extensions_mut().insert(Arc::clone(&concerned));
    let response = next.run(request).await;
    let outcome = match response.extensions().get::<ErrorCode>() {
        Some(code) => code.as_str(),
        None if response.status().is_client_error() || response.status().is_server_error() => {
            "error"
        }
        None => "ok",
    };
    let entry = entry(action, outcome, concerned.get(), profile.flatten());
    app.audit.record(by(entry, peer.as_ref()));
    response
}

/// An event of now, by nobody in particular.
pub(super) fn entry(
    action: &str,
    outcome: &str,
    catalog: Option<&CatalogUrl>,
    profile: Option<String>,
) -> AuditEntry {
    AuditEntry {
        time: Timestamp::now(),
        action: action.to_owned(),
        outcome: outcome.to_owned(),
        catalog_url: catalog.map(ToString::to_string),
        profile,
        grant_id: None,
        request: None,
        pid: None,
        uid: rustix::process::getuid().as_raw(),
        executable: None,
        count: 1,
    }
}

/// The event as the doing of a peer.
pub(super) fn by(entry: AuditEntry, peer: Option<&Peer>) -> AuditEntry {
    let Some(peer) = peer else { return entry };
    AuditEntry {
        pid: peer.pid,
        uid: peer.uid,
        executable: peer.executable().map(|path| path.display().to_string()),
        ..entry
    }
}

/// The profile asked for; nothing that is no profile's name reaches the log.
fn profile(query: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    match pairs.find(|(name, _)| name == "profile") {
        None => Some(ProfileName::default_profile().to_string()),
        Some((_, name)) => Some(name.parse::<ProfileName>().ok()?.to_string()),
    }
}
