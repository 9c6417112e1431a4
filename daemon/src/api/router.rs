//! Every route, by subject.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::{Extension, Router};
use tokio::time::Instant;

use super::endpoint::Served;
use super::error::ApiError;
use super::request_bodies::RequestBodies;
use super::web::WebLogins;
use super::{loopback, routes};
use crate::app::App;
use crate::gateway::OpenListener;

/// Every endpoint with its handler; a test says that none is missing.
pub(super) fn served() -> Served {
    [
        routes::health::serve,
        routes::status::serve,
        routes::events::serve,
        routes::metrics::serve,
        routes::openapi::serve,
        routes::doctor::serve,
        routes::audit::serve,
        routes::handover::serve,
        routes::shutdown::serve,
        routes::config::serve,
        routes::session::serve,
        routes::web::serve,
        routes::token::serve,
        routes::me::serve,
        routes::api_keys::serve,
        routes::aws::serve,
        routes::grants::serve,
        routes::profiles::serve,
        routes::gateway::serve,
        routes::buckets::serve,
        routes::packages::serve,
        routes::search::serve,
    ]
    .into_iter()
    .fold(Served::default(), |served, serve| serve(served))
}

/// The API over the services.
pub fn router(app: Arc<App>) -> Router {
    served()
        .router
        .fallback(async || ApiError::NoSuchPath)
        .method_not_allowed_fallback(async || ApiError::NoSuchMethod)
        // One layer: each of axum's is copied for every request.
        .route_layer((
            Extension(Arc::new(RequestBodies::of_control())),
            Extension(WebLogins::default()),
            from_fn_with_state(Arc::clone(&app), follow),
        ))
        .with_state(app)
}

/// Every request counts on who is logged in now, through whichever daemon.
async fn follow(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    app.sync_with_store().await;
    request.extensions_mut().insert(Waited(begun.elapsed()));
    next.run(request).await
}

/// How long a request has waited for the store.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waited(pub(super) Duration);

/// What starts the registry gateway's listener.
pub fn open_gateway(app: &Arc<App>) -> OpenListener {
    let app = Arc::clone(app);
    Arc::new(move |port| loopback::open_gateway(&app, port))
}
