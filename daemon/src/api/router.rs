//! Every route, on one page.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{delete, get, post, put};
use axum::{Extension, Router};
use quilt_proto::call::path;

use super::error::ApiError;
use super::routes::{
    api_keys, audit, aws, config, doctor, events, gateway, grants, health, me, metrics, openapi,
    packages, profiles, registry, search, session, shutdown, status, token, web,
};
use super::table::Routes;
use super::web::WebLogins;
use super::{loopback, strict, trail};
use crate::app::App;
use crate::gateway::Open;

/// The routes; `openapi/operations.rs` says in words what each does, and a test
/// that none is missing there.
pub(super) fn routes() -> Routes {
    Routes::default()
        .route(path::HEALTH, get(health::show))
        .route(path::STATUS, get(status::show))
        .route(path::EVENTS, get(events::stream))
        .route(path::METRICS, get(metrics::show))
        .route(path::OPENAPI, get(openapi::show))
        .route(path::CONFIG, get(config::show).put(config::update))
        .route(
            path::SESSION,
            get(session::show)
                .post(session::login)
                .delete(session::logout),
        )
        .route(path::SESSION_REGISTRY, put(registry::accept))
        .route(path::WEB_LOGIN, post(web::start))
        .route(path::WEB_LOGIN_ID, get(web::wait))
        .route(
            path::SESSION_API_KEY,
            put(api_keys::set).delete(api_keys::clear),
        )
        .route(path::API_KEYS, get(api_keys::list).post(api_keys::create))
        .route(
            &one_of(path::API_KEYS),
            get(api_keys::show).delete(api_keys::revoke),
        )
        .route(path::API_KEYS_REVOKE, post(api_keys::revoke_secret))
        .route(path::API_KEYS_ROTATE, post(api_keys::rotate))
        .route(path::ADMIN_API_KEYS, get(api_keys::list_all))
        .route(
            &one_of(path::ADMIN_API_KEYS),
            get(api_keys::show_any).delete(api_keys::revoke_any),
        )
        .route(path::TOKEN, get(token::show))
        .route(path::ME, get(me::show))
        .route(path::ME_ROLE, put(me::switch_role))
        .route(path::AWS_CREDENTIALS, get(aws::credentials))
        .route(path::AUDIT, get(audit::list))
        .route(path::PACKAGES, get(packages::list))
        .route(path::PACKAGE, delete(packages::delete))
        .route(path::PACKAGE_VERSIONS, get(packages::versions))
        .route(path::SEARCH, post(search::run))
        .route(path::AWS_CONSOLE, get(aws::console))
        .route(path::AWS_GRANTS, post(grants::issue))
        .route(path::AWS_GRANT, delete(grants::revoke))
        .route(
            path::GATEWAY,
            get(gateway::show)
                .put(gateway::set_up)
                .delete(gateway::undo),
        )
        .route(path::PROFILES, get(profiles::list))
        .route(path::DOCTOR, get(doctor::examine))
        .route(path::SHUTDOWN, post(shutdown::stop))
}

/// The API over the services.
pub fn router(app: Arc<App>) -> Router {
    routes()
        .router
        .fallback(async || ApiError::NoSuchPath)
        .method_not_allowed_fallback(async || ApiError::NoSuchMethod)
        .route_layer(from_fn(strict::check))
        .route_layer(from_fn_with_state(Arc::clone(&app), follow))
        .route_layer(from_fn_with_state(Arc::clone(&app), trail::note))
        .layer(Extension(WebLogins::default()))
        .with_state(app)
}

/// Every request counts on who is logged in now, through whichever daemon.
async fn follow(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    app.follow_store().await;
    next.run(request).await
}

/// What starts the registry gateway's listener.
pub fn open_gateway(app: &Arc<App>) -> Open {
    let app = Arc::clone(app);
    Arc::new(move |port| loopback::open_gateway(&app, port))
}

/// The path of one thing of a collection.
pub(super) fn one_of(collection: &str) -> String {
    format!("{collection}/{{id}}")
}
