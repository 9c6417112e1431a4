//! `/graphql`.

#![expect(
    clippy::unused_async,
    reason = "resolvers are async by the library's rule"
)]

mod admin;
mod api_keys;
mod buckets;
mod me;
mod outcome;
mod policies;
mod role_changes;
mod roles;
mod sso;
mod tabulator;
mod users;

use std::sync::Arc;

use async_graphql::{Context, EmptySubscription, MergedObject, Schema};
use async_graphql_axum::{GraphQLRequest, GraphQLResponse};
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;

use super::identity::bearer::BearerError;
use super::identity::users::User;
use super::settings::GraphqlRefusal;
use super::state::Core;

/// Deepest query.
const DEPTH: usize = 24;

/// Everything that can be asked.
#[derive(MergedObject, Default)]
pub(crate) struct Query(
    me::MeQuery,
    admin::AdminQuery,
    buckets::BucketQuery,
    roles::RoleQuery,
    policies::PolicyQuery,
);

/// Everything that can be changed.
#[derive(MergedObject, Default)]
pub(crate) struct Mutation(
    me::MeMutation,
    api_keys::ApiKeyMutation,
    admin::AdminMutation,
    buckets::BucketMutation,
    role_changes::RoleMutation,
    policies::PolicyMutation,
);

pub(crate) type StackSchema = Schema<Query, Mutation, EmptySubscription>;

/// Who is asking.
struct Viewer(User);

pub(crate) fn schema(core: &Arc<Core>) -> StackSchema {
    Schema::build(Query::default(), Mutation::default(), EmptySubscription)
        .data(Arc::clone(core))
        .limit_depth(DEPTH)
        .finish()
}

/// The schema in GraphQL's definition language.
#[cfg(test)]
pub(crate) fn definition() -> String {
    Schema::new(Query::default(), Mutation::default(), EmptySubscription).sdl()
}

/// Runs a request as whoever the bearer token says.
pub(crate) async fn serve(
    State(core): State<Arc<Core>>,
    Extension(schema): Extension<StackSchema>,
    headers: HeaderMap,
    request: GraphQLRequest,
) -> Response {
    let mut request = request.into_inner();
    let operation = request.operation_name.as_deref().unwrap_or("unnamed");
    core.counts.operation(&format!("graphql:{operation}"));
    let refusal = core.settings.lock().graphql_refusal;
    match core.authenticate(&headers) {
        Ok(user) => request = request.data(Viewer(user)),
        Err(BearerError::Missing) => {}
        Err(_) if refusal == GraphqlRefusal::Anonymous => {}
        Err(refused) => return refused.into_response(),
    }
    GraphQLResponse::from(schema.execute(request).await).into_response()
}

fn core<'a>(context: &Context<'a>) -> async_graphql::Result<&'a Arc<Core>> {
    context.data::<Arc<Core>>()
}

/// The user, or the error of a call that needs one.
fn viewer<'a>(context: &Context<'a>) -> async_graphql::Result<&'a User> {
    let viewer = context.data_opt::<Viewer>().map(|viewer| &viewer.0);
    viewer.ok_or_else(|| async_graphql::Error::new("Authentication required"))
}
