//! What grants are good for, over loopback HTTP: AWS credentials
//! (`container.rs`) and the registry (`gateway.rs`). Anyone on the machine can
//! connect and every web page can make a browser do so: nothing is trusted but
//! a grant's token.

mod container;
mod error_body;
mod gateway;

pub(super) use self::container::{PATH as CONTAINER_PATH, open as open_container};
pub(super) use self::gateway::open as open_gateway;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Extensions, header};
use quilt_proto::api::Action;
use quilt_proto::wire::AuditEntry;
use quilt_proto::{ErrorCode, Problem, ProfileName};
use tokio::time::Instant;

use self::error_body::answer;
use super::audit;
use super::error::ApiError;
use super::request_bodies::RequestBodies;
use super::request_meter::{self, metered};
use crate::app::App;
use crate::audit::Event;
use crate::credential::AwsCredentials;
use crate::grant::{AuthorizedGrant, Endpoint};
use crate::listen::{
    AllowedHosts, BrowserGuard, ConnectionSlot, ErrorResponders, Limits, LoopbackListener,
    LoopbackPeer, Program, RateLimit, UnknownOwner, serve,
};
use crate::metrics::Via;

/// What the handlers of a listener share.
#[derive(Clone)]
struct LoopbackState {
    app: Arc<App>,
    rate_limit: Arc<RateLimit>,
    bodies: Arc<RequestBodies>,
}

/// Listens on a port, or on any for 0, and serves `routes` behind the guard, to
/// whoever asks for its address or for one of `other_hosts`.
fn open(
    app: &Arc<App>,
    name: &'static str,
    port: u16,
    limits: Limits,
    routes: Router<LoopbackState>,
    other_hosts: &[&str],
) -> std::io::Result<Endpoint> {
    let (listener, address) = LoopbackListener::bind(port, UnknownOwner::Serve)?;
    let meter = app.metrics.connections.of(name);
    let stop = app.shutdown.child_token();
    let rate_limit = Arc::<RateLimit>::default();
    let words = words(&rate_limit);
    let refused = Arc::clone(&words.refused);
    let loopback = LoopbackState {
        app: Arc::clone(app),
        rate_limit,
        bodies: Arc::new(RequestBodies::of_gateway()),
    };
    let own = address.to_string();
    let hosts = AllowedHosts::only([own.as_str()].iter().chain(other_hosts).copied());
    let guard = BrowserGuard::new(hosts, refused);
    let routes = routes
        .fallback(nothing_here)
        .method_not_allowed_fallback(nothing_here)
        .with_state(loopback);
    let served = metered(routes, app, guard);
    let serving = serve(listener, meter, served, limits, words, stop.clone());
    tokio::spawn(serving);
    tracing::info!(%address, "listening for grants");
    Ok(Endpoint::new(address, stop))
}

/// How a listener tells what no handler gets to tell. What is refused unread
/// counts like any other refusal: who sends it has shown no grant.
fn words(rate_limit: &Arc<RateLimit>) -> ErrorResponders {
    let rate_limit = Arc::clone(rate_limit);
    ErrorResponders {
        refused: Arc::new(move |problem| refuse(&rate_limit, problem)),
        late: Arc::new(answer),
    }
}

async fn nothing_here(State(loopback): State<LoopbackState>) -> Response {
    let problem = Problem::new(404, ErrorCode::NotFound, "there is nothing at this path");
    refuse(&loopback.rate_limit, &problem)
}

impl LoopbackState {
    /// What the token in the request opens.
    fn opened(&self, request: &Parts, scheme: Option<&str>) -> Option<AuthorizedGrant> {
        self.open(shown_token(request, scheme)?, &request.extensions)
    }

    /// What a token opens. Whoever has one that does is no stranger.
    fn open(&self, token: &str, extensions: &Extensions) -> Option<AuthorizedGrant> {
        let opened = self.app.grants.open(token)?;
        if let Some(slot) = extensions.get::<ConnectionSlot>() {
            slot.authenticated(&opened.id);
        }
        Some(opened)
    }

    /// The answer to somebody without a grant.
    fn refuse(&self, hint: &'static str) -> Response {
        let detail = "the token is of no grant, or the grant was revoked or has expired";
        let problem = Problem::new(401, ErrorCode::Denied, detail);
        refuse(&self.rate_limit, &problem.with_hint(hint))
    }

    /// Credentials of a profile for who holds a grant.
    async fn vend(
        &self,
        opened: &AuthorizedGrant,
        visitor: Option<&LoopbackPeer>,
        profile: &ProfileName,
        timeout: Duration,
    ) -> Result<AwsCredentials, Problem> {
        // Programs give up soon: a store that hangs has half of the time.
        let begun = Instant::now();
        let following = self.app.sync_with_store();
        let _ = tokio::time::timeout(timeout / 2, following).await;
        let session = self.app.sessions.session(opened.right.catalog());
        let vault = &self.app.vault;
        let left = timeout.saturating_sub(begun.elapsed());
        let vended = vault.credentials(&session, profile, left);
        let (vended, by) = tokio::join!(vended, program(visitor));
        let vended = vended.map_err(ApiError::from);
        request_meter::vended(&self.app, Via::Grant, &vended);
        let vended = vended.map_err(|error| error.problem());
        self.note(
            Action::CREDENTIALS,
            vended.as_ref().map(drop),
            opened,
            by.as_ref(),
            None,
        );
        vended
    }

    /// Notes what a grant was used for, as the doing of the program that
    /// connected; where that is not known, of the process it lives with.
    fn note(
        &self,
        action: Action,
        outcome: Result<(), &Problem>,
        opened: &AuthorizedGrant,
        by: Option<&Program>,
        request: Option<&str>,
    ) {
        let right = &opened.right;
        let outcome = outcome
            .err()
            .map_or(AuditEntry::OK, |problem| problem.code.as_str());
        let event = Event {
            profile: right.profile().map(ProfileName::as_str),
            pid: opened.pid,
            grant_id: Some(&opened.id),
            request,
            ..Event::of(action, outcome, Some(right.catalog()))
        };
        self.app.audit.record(&audit::by_program(event, by));
    }
}

/// The token in a request: verbatim in its header, or after `scheme` (RFC 9110,
/// section 11.4). More than one is nobody's.
fn shown_token<'a>(request: &'a Parts, scheme: Option<&str>) -> Option<&'a str> {
    let mut given = request.headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        return None;
    };
    let value = value.to_str().ok()?;
    match scheme {
        None => Some(value),
        Some(scheme) => {
            let (named, token) = value.split_once(' ')?;
            Some(token).filter(|_| named.eq_ignore_ascii_case(scheme))
        }
    }
}

/// The program that connected.
async fn program(visitor: Option<&LoopbackPeer>) -> Option<Program> {
    visitor?.program().await
}

/// A refusal of somebody who has no grant. Beyond the rate it says neither to
/// them why, nor anything to the log.
fn refuse(rate_limit: &RateLimit, problem: &Problem) -> Response {
    if !rate_limit.allow() {
        return too_often();
    }
    tracing::warn!(reason = problem.detail, "refused a request on loopback");
    answer(problem)
}

/// To somebody who asks too often without a grant.
fn too_often() -> Response {
    let detail = "too many requests without a grant; try again in a moment";
    answer(&Problem::new(429, ErrorCode::Busy, detail))
}

fn private(answer: impl IntoResponse) -> Response {
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, answer).into_response()
}
