//! The catalog: `config.json`, a front page, and the OAuth server on the same origin.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use super::state::Core;
use super::{connect, pages};

pub(crate) fn router(core: &Arc<Core>) -> Router {
    Router::new()
        .route("/", get(front))
        .route("/config.json", get(config))
        .with_state(Arc::clone(core))
        .merge(connect::router(core))
}

async fn config(State(core): State<Arc<Core>>) -> Response {
    Json(core.config_json()).into_response()
}

async fn front(State(core): State<Arc<Core>>) -> Html<String> {
    let urls = &core.urls;
    pages::page(
        "Fake Quilt catalog",
        &format!(
            "<p>This deployment runs on your own machine; nothing in it is real.</p>\
             <ul><li><a href=\"{}/login\">Log in</a></li>\
             <li><a href=\"/config.json\">config.json</a></li>\
             <li>S3: <code>{}</code></li><li>STS: <code>{}</code></li></ul>",
            urls.registry, urls.s3, urls.sts
        ),
    )
}
