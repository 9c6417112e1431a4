//! Counts every request, on whichever listener it comes.

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::Method;

use super::error::ApiError;
use crate::app::App;
use crate::metrics::{OTHER, Via};

/// `router` with its requests counted, those it refuses and does not know
/// included.
pub fn metered(router: Router, app: &Arc<App>) -> Router {
    router.layer(from_fn_with_state(Arc::clone(app), count))
}

async fn count(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or(OTHER, MatchedPath::as_str);
    let counted = app.metrics.requests.start(route, name(request.method()));
    let response = next.run(request).await;
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
