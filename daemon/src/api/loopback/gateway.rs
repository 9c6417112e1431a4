//! The registry gateway: a registry on loopback for the Python SDK.
//!
//! Speaks the registry's own paths. The bearer token has to be a grant's; in
//! its place the daemon's own goes upstream. What gives out tokens or AWS
//! credentials is answered here, so that none of the stack's reaches the SDK's
//! files.

mod caller;
mod paths;

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{RawPathParams, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{any, get, post};
use axum::{Json, Router};
use http::Extensions;
use http::request::Parts;
use quilt_proto::{CatalogUrl, ErrorCode, Problem, ProfileName, Secret, Timestamp};
use serde_json::json;
use zeroize::Zeroizing;

use self::caller::{Caller, find_caller, granted};
use self::paths::{is_proxied, noted};
use super::error_body::{answer, refused_in_graphql};
use super::{LoopbackState, private, program};
use crate::api::error::ApiError;
use crate::api::request_bodies;
use crate::app::App;
use crate::body_memory::Holder;
use crate::gateway::{Gateway, GraphqlRequest};
use crate::grant::{AuthorizedGrant, Endpoint, Right, STATED_LIFETIME_SECONDS};
use crate::listen::{Limits, LoopbackListener, LoopbackPeer};
use crate::session::SessionError;
use crate::stack::{Forward, Forwarded, is_encoded, paths as registry};

/// How long the SDK waits for AWS credentials that have to be fetched.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The largest form that asks for a token, in bytes.
const MAX_FORM: usize = 16 * 1024;

/// Starts the listener that grants of a registry are good at.
pub(in crate::api) fn open(app: &Arc<App>, port: u16) -> std::io::Result<Endpoint> {
    let routes = Router::new()
        .route(registry::TOKEN, post(token))
        .route(registry::CREDENTIALS, get(credentials))
        .route("/api/{*path}", any(forward))
        .route(registry::GRAPHQL, any(forward))
        .route("/config.json", get(config_json))
        .route("/login", any(login))
        .route("/code", any(login));
    // The same below each catalog's own address.
    let own = routes.clone().layer(middleware::from_fn(named));
    let routes = routes.nest("/catalogs/{catalog}", own);
    super::open(app, "gateway", port, limits(), routes, &[])
}

/// The catalog that a request's path names.
#[derive(Clone)]
struct Named(String);

/// Notes which catalog a path names; the rest of the path is what is left.
async fn named(params: RawPathParams, mut request: Request, next: Next) -> Response {
    let named = params.iter().find(|(name, _)| *name == "catalog");
    if let Some((_, name)) = named {
        let named = Named(name.to_owned());
        request.extensions_mut().insert(named);
    }
    next.run(request).await
}

/// Requests may be larger and take longer than those for credentials.
fn limits() -> Limits {
    Limits {
        body_bytes: request_bodies::LARGEST as u64,
        request_time: Duration::from_mins(2),
        ..LoopbackListener::limits()
    }
}

/// `/api/token`: a grant is its own successor. A 200 with an `error` is what
/// the SDK shows to its user.
async fn token(State(loopback): State<LoopbackState>, request: Request) -> Response {
    let (parts, stream) = request.into_parts();
    let mut form = Vec::new();
    match loopback.bodies.take_small(stream, MAX_FORM).await {
        // Reading from memory cannot fail.
        Ok(body) => drop(body.reader().read_to_end(&mut form)),
        Err(problem) => return super::refuse(&loopback.rate_limit, &problem),
    }
    let form = Zeroizing::new(form);
    let mut fields = url::form_urlencoded::parse(&form);
    let token = fields.find(|(name, _)| name == "refresh_token");
    let token = Secret::new(
        token
            .map(|(_, token)| token.into_owned())
            .unwrap_or_default(),
    );
    let opened = loopback.open(token.expose(), &parts.extensions);
    if !opened.is_some_and(|opened| is_for(&opened, &parts.extensions)) {
        if !loopback.rate_limit.allow() {
            return super::too_often();
        }
        return private(Json(json!({ "error": logins_are_here().to_string() })));
    }
    let expires_at = Timestamp::now()
        .plus_seconds(STATED_LIFETIME_SECONDS)
        .unix();
    private(Json(json!({
        "access_token": token, "refresh_token": token, "expires_at": expires_at,
    })))
}

/// `/api/auth/get_credentials`, from the one cache of credentials.
/// Those of a key of the caller's own are the registry's to give.
async fn credentials(State(loopback): State<LoopbackState>, request: Request) -> Response {
    let (request, stream) = request.into_parts();
    let opened = match find_caller(&loopback, &request) {
        Some(Caller::Grant(opened)) => opened,
        Some(caller) => return pass_on(loopback, caller, request, stream).await,
        None => return loopback.refuse(loopback.app.gateway.set_up_again()),
    };
    let profile = ProfileName::default_profile();
    let visitor = request.extensions.get();
    match loopback.vend(&opened, visitor, &profile, TIMEOUT).await {
        Ok(credentials) => {
            let body = json!({
                "AccessKeyId": credentials.access_key_id.as_str(),
                "SecretAccessKey": credentials.secret_access_key.secret(),
                "SessionToken": credentials.session_token.secret(),
                "Expiration": credentials.expires_at,
            });
            private(Json(body))
        }
        Err(problem) => answer(&problem),
    }
}

/// Whether a grant is of a registry, and of the one that the path names.
fn is_for(opened: &AuthorizedGrant, extensions: &Extensions) -> bool {
    let Right::Registry { catalog, .. } = &opened.right else {
        return false;
    };
    let named = extensions.get::<Named>();
    named.is_none_or(|Named(name)| Gateway::is_named(catalog, name))
}

/// The catalog that is meant by who shows no grant.
fn meant(loopback: &LoopbackState, named: Option<&Named>) -> Option<CatalogUrl> {
    let gateway = &loopback.app.gateway;
    match named {
        Some(Named(name)) => gateway.catalog_at(name),
        None => gateway.catalog(),
    }
}

/// `/config.json`, the catalog's own but for the registry, which is here. It is
/// public, so whoever asks needs no grant; one that is shown tells which
/// catalog is meant.
async fn config_json(State(loopback): State<LoopbackState>, request: Parts) -> Response {
    let app = &loopback.app;
    let named = request.extensions.get::<Named>();
    let catalog = match granted(&loopback, &request) {
        Some(opened) => Some(opened.right.catalog().clone()),
        None => meant(&loopback, named),
    };
    let Some(catalog) = catalog else {
        return loopback.refuse(loopback.app.gateway.set_up_again());
    };
    let session = app.sessions.session(&catalog);
    match app.gateway.config_json(&session, named.is_some()).await {
        Ok(values) => private(Json(values)),
        Err(error) => answer(&ApiError::from(error).problem()),
    }
}

/// Everything else the registry serves to programs. The grant is looked at
/// before the body is read.
async fn forward(State(loopback): State<LoopbackState>, request: Request) -> Response {
    let (parts, stream) = request.into_parts();
    let Some(caller) = find_caller(&loopback, &parts) else {
        return refuse_and_note(&loopback, &parts).await;
    };
    let refused = if !is_proxied(&parts.method, parts.uri.path()) {
        Problem::new(404, ErrorCode::NotFound, "the gateway does not carry this")
    } else if is_encoded(&parts.headers) {
        let detail = "the gateway carries no body with a content encoding";
        Problem::new(415, ErrorCode::InvalidInput, detail)
    } else {
        return pass_on(loopback, caller, parts, stream).await;
    };
    let by = program(parts.extensions.get()).await;
    let noted = noted(&parts.method, parts.uri.path());
    caller.note(&loopback, Err(&refused), by.as_ref(), &noted);
    answer(&refused.with_hint("quiltctl --help"))
}

/// The answer to somebody who has no grant for this address. Who has one for
/// another is no stranger, and noted.
async fn refuse_and_note(loopback: &LoopbackState, parts: &Parts) -> Response {
    let again = loopback.app.gateway.set_up_again();
    let Some(opened) = loopback.opened(parts, Some("Bearer")) else {
        return loopback.refuse(again);
    };
    let detail = "the grant is of another catalog than this address";
    let problem = Problem::new(401, ErrorCode::Denied, detail);
    let by = program(parts.extensions.get()).await;
    let noted = noted(&parts.method, parts.uri.path());
    let elsewhere = Caller::Grant(opened);
    elsewhere.note(loopback, Err(&problem), by.as_ref(), &noted);
    answer(&problem.with_hint(again))
}

/// Carries a request that is one to be carried, and notes it.
async fn pass_on(loopback: LoopbackState, caller: Caller, parts: Parts, stream: Body) -> Response {
    let visitor: Option<LoopbackPeer> = parts.extensions.get().cloned();
    // Apart: few bodies are large enough for it.
    let whose = Box::pin(async {
        caller.prove(&loopback.app).await?;
        Ok(match program(visitor.as_ref()).await {
            Some(program) => Holder::Process(program.pid),
            None => Holder::Named(caller.name()),
        })
    });
    let body = match loopback
        .bodies
        .take(stream, request_bodies::LARGEST, whose)
        .await
    {
        Ok(body) => body,
        Err(problem) => return answer(&problem),
    };
    // While it came, its right may have been taken back.
    let Some(caller) = find_caller(&loopback, &parts) else {
        return refuse_and_note(&loopback, &parts).await;
    };
    let mut noted = noted(&parts.method, parts.uri.path());
    let target = parts.uri.path_and_query();
    let request = Forward {
        target: target.map_or("/", |target| target.as_str()).to_owned(),
        method: parts.method,
        headers: parts.headers,
        body,
    };
    let asked = GraphqlRequest::by(&request).await;
    if let Some(asked) = &asked {
        noted = format!("{noted} {asked}");
        if caller.without_api_keys(&loopback.app)
            && let Err(kept_back) = asked.leaves_logins_alone()
        {
            let problem = Problem::new(403, ErrorCode::Denied, kept_back.to_string())
                .with_hint("quiltctl setup quilt3 --help");
            let by = program(visitor.as_ref()).await;
            caller.note(&loopback, Err(&problem), by.as_ref(), &noted);
            return refused_in_graphql(&problem);
        }
    }
    // In a task of its own: who hangs up in the middle of switching the role
    // must not leave credentials of the other one behind, nor go unnoted.
    let changes_role = asked.is_some_and(|asked| asked.may_change_role());
    let carried = tokio::spawn(async move {
        let carried = caller.send(&loopback.app, request, changes_role);
        let (carried, by) = tokio::join!(carried, program(visitor.as_ref()));
        let carried = carried.map_err(|error| Box::new(ApiError::from(error).problem()));
        let outcome = carried.as_ref().map(Forwarded::status);
        let outcome = outcome.map_err(AsRef::as_ref);
        caller.note(&loopback, outcome, by.as_ref(), &noted);
        carried
    });
    let stopping = |_| Err(Box::new(ApiError::from(SessionError::Stopping).problem()));
    match carried.await.unwrap_or_else(stopping) {
        Ok(carried) => private(carried.map(Body::new)),
        // The SDK takes a 401 for what it is, and tells its user so.
        Err(problem) => answer(&Problem {
            status: match problem.code {
                ErrorCode::InvalidApiKey => 401,
                _ => problem.status,
            },
            ..*problem
        }),
    }
}

/// The login pages: a browser would be refused, so whoever comes here is told
/// where logins are made.
async fn login(State(loopback): State<LoopbackState>) -> Response {
    super::refuse(&loopback.rate_limit, &logins_are_here())
}

fn logins_are_here() -> Problem {
    let detail = "quiltd holds this machine's logins";
    Problem::new(404, ErrorCode::NotFound, detail).with_hint("quiltctl login")
}
