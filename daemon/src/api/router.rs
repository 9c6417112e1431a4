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
    Served::default()
        .serve(routes::health::show)
        .serve(routes::status::show)
        .serve_as(routes::events::stream)
        .serve_as(routes::metrics::show)
        .serve_as(routes::openapi::show)
        .serve(routes::doctor::run_checks)
        .serve(routes::doctor::compare)
        .serve(routes::audit::list)
        .serve(routes::handover::offer)
        .serve(routes::shutdown::stop)
        .serve(routes::config::show)
        .serve(routes::config::update)
        .serve(routes::session::show)
        .serve(routes::session::login)
        .serve(routes::session::logout)
        .serve(routes::session::accept_registry)
        .serve(routes::web::start)
        .serve(routes::web::wait)
        .serve(routes::token::show)
        .serve(routes::me::show)
        .serve(routes::me::switch_role)
        .serve(routes::api_keys::set)
        .serve(routes::api_keys::clear)
        .serve(routes::api_keys::list)
        .serve(routes::api_keys::create)
        .serve(routes::api_keys::show)
        .serve(routes::api_keys::revoke)
        .serve(routes::api_keys::revoke_secret)
        .serve(routes::api_keys::rotate)
        .serve(routes::api_keys::list_all)
        .serve(routes::api_keys::show_any)
        .serve(routes::api_keys::revoke_any)
        .serve_as(routes::aws::credentials)
        .serve(routes::aws::console)
        .serve(routes::grants::issue)
        .serve(routes::grants::revoke)
        .serve(routes::profiles::list)
        .serve(routes::gateway::show)
        .serve(routes::gateway::set_up)
        .serve(routes::gateway::undo)
        .serve(routes::buckets::list)
        .serve_as(routes::packages::list)
        .serve(routes::packages::versions)
        .serve(routes::packages::delete)
        .serve(routes::search::run)
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
