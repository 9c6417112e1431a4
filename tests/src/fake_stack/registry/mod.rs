//! The registry: login pages, tokens, AWS credentials, GraphQL and search.

mod credentials;
mod elsewhere;
pub(crate) mod login;
mod search;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get, post};

use super::graphql;
use super::state::Core;

/// Largest request body.
const BODY_LIMIT: usize = 1 << 20;

pub(crate) fn router(core: &Arc<Core>) -> Router {
    Router::new()
        .route("/", get(login::to_login))
        .route("/login", get(login::choose).post(login::sign_in))
        .route("/code", get(login::code))
        .route("/api/token", post(token::token))
        .route("/api/auth/get_credentials", get(credentials::credentials))
        .route("/api/search", get(search::search))
        .route("/api/{*path}", any(elsewhere::elsewhere))
        .route("/graphql", post(graphql::serve))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(axum::Extension(graphql::schema(core)))
        .with_state(Arc::clone(core))
}
