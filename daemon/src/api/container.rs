//! Container credentials over loopback HTTP (AWS SDKs and Tools Reference
//! Guide, "Container credential provider").
//!
//! SDKs give up after a second or two: everything is answered from what is
//! held, and what needs a login or a slow upstream fails at once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use quilt_proto::wire::ContainerCredentials;
use quilt_proto::{ErrorCode, Problem};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::error::ApiError;
use super::meter::{self, metered};
use crate::app::App;
use crate::grant::{Endpoint, Right};
use crate::listen::{AllowedHosts, LoopbackListener, Refuse, Throttle, guarded_by, serve};
use crate::metrics::Via;

/// Where the credentials are.
pub(super) const PATH: &str = "/v1/container/credentials";

/// With the answer's way back, under the second that SDKs wait.
const PATIENCE: Duration = Duration::from_millis(700);

#[derive(Clone)]
struct Desk {
    app: Arc<App>,
    throttle: Arc<Throttle>,
}

/// Starts the listener that grants are good at.
pub(super) fn open(app: &Arc<App>) -> std::io::Result<Endpoint> {
    let (listener, address) = LoopbackListener::bind(0)?;
    let stop = app.shutdown.child_token();
    let router = router(app, address);
    let limits = LoopbackListener::limits();
    tokio::spawn(serve(
        listener,
        router,
        limits,
        CancellationToken::clone(&stop),
    ));
    tracing::info!(%address, "listening for grants");
    Ok(Endpoint::new(address, stop))
}

fn router(app: &Arc<App>, address: SocketAddr) -> Router {
    let throttle = Arc::new(Throttle::new());
    let refusals = Arc::clone(&throttle);
    let refuse: Refuse = Arc::new(move |problem| refuse(&refusals, problem));
    let router = Router::new()
        .route(PATH, get(credentials))
        .fallback(async |State(desk): State<Desk>| refuse_path(&desk))
        .method_not_allowed_fallback(async |State(desk): State<Desk>| refuse_path(&desk))
        .with_state(Desk {
            app: Arc::clone(app),
            throttle,
        });
    let hosts = AllowedHosts::only([address.to_string()]);
    metered(guarded_by(router, hosts, refuse), app)
}

async fn credentials(State(desk): State<Desk>, headers: HeaderMap) -> Response {
    let Some(Right::Credentials { catalog, profile }) = right(&desk.app, &headers) else {
        let problem = Problem::new(
            401,
            ErrorCode::Denied,
            "the token is of no grant, or the grant was revoked or has expired",
        );
        return refuse(
            &desk.throttle,
            &problem.with_hint("quiltctl exec -- COMMAND"),
        );
    };
    let session = desk.app.sessions.session(&catalog);
    let vault = &desk.app.vault;
    let vended = vault.credentials(&session, &profile, PATIENCE).await;
    let vended = vended.map_err(ApiError::from);
    meter::vended(&desk.app, Via::Grant, &vended);
    match vended {
        Ok(credentials) => private(Json(ContainerCredentials::from(credentials)).into_response()),
        Err(error) => answer(&error.problem()),
    }
}

fn right(app: &App, headers: &HeaderMap) -> Option<Right> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    match (given.next(), given.next()) {
        (Some(token), None) => app.grants.open(token.to_str().ok()?),
        _ => None,
    }
}

fn refuse_path(desk: &Desk) -> Response {
    let problem = Problem::new(404, ErrorCode::NotFound, "there is nothing at this path");
    refuse(&desk.throttle, &problem)
}

/// A refusal of somebody who has no grant. Beyond the rate it says nothing,
/// neither to them nor to the log.
fn refuse(throttle: &Throttle, problem: &Problem) -> Response {
    if !throttle.pass() {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        return private(response);
    }
    tracing::warn!(reason = problem.detail, "refused a request on loopback");
    answer(problem)
}

/// A problem in both spellings: SDKs read either.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Spelt<'a> {
    #[serde(rename = "code")]
    lower_code: &'a str,
    #[serde(rename = "message")]
    lower_message: &'a str,
    code: &'a str,
    message: &'a str,
}

fn answer(problem: &Problem) -> Response {
    let message = problem.to_string();
    let body = Json(Spelt {
        lower_code: problem.code.as_str(),
        lower_message: &message,
        code: problem.code.as_str(),
        message: &message,
    });
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    private((status, body).into_response())
}

fn private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}
