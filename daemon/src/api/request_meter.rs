//! Counts every request, on whichever listener it comes, and refuses those of
//! web pages.

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::Method;

use super::error::ApiError;
use crate::app::App;
use crate::listen::BrowserGuard;
use crate::metrics::{OTHER, Via};

/// `router` behind `guard`, with its requests counted: those that are refused
/// and paths it does not know included.
///
/// It is one layer for both: each layer of axum's is copied for every request.
pub fn metered(router: Router, app: &Arc<App>, guard: BrowserGuard) -> Router {
    router.layer(from_fn_with_state((Arc::clone(app), guard), count))
}

async fn count(
    State((app, guard)): State<(Arc<App>, BrowserGuard)>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or(OTHER, MatchedPath::as_str);
    let counted = app.metrics.requests.start(route, name(request.method()));
    let response = match guard.refusal(&request) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    counted.answered(response.status().as_u16());
    app.metrics.connections.activity().notify_one();
    response
}

fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => OTHER,
    }
}

/// Counts AWS credentials handed out, or not.
pub(super) fn vended<T>(app: &App, via: Via, outcome: &Result<T, ApiError>) {
    let failure = outcome.as_ref().err().map(|error| error.problem().code);
    app.metrics.vended.record(via, failure.as_ref());
}
