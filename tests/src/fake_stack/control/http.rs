//! The same over HTTP, for shells and other languages.

use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post, put};
use axum::{Json, Router};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::handle::{Control, UserChange};
use crate::fake_stack::config::AwsRoleConfig;
use crate::fake_stack::counts::Counts;
use crate::fake_stack::endpoint::{EndpointSet, Host};
use crate::fake_stack::faults::{Fault, Planted};
use crate::fake_stack::identity::keys::KeySeed;
use crate::fake_stack::seen::Seen;

const BODY_LIMIT: usize = 64 << 20;

pub(crate) fn router(control: Control) -> Router {
    Router::new()
        .route("/_control", get(overview))
        .route("/_control/settings", get(settings).patch(change_settings))
        .route(
            "/_control/faults",
            get(faults).post(plant).delete(clear_faults),
        )
        .route("/_control/faults/{id}", delete(clear_fault))
        .route("/_control/hosts/{host}", put(refuse))
        .route("/_control/counts", get(counts).delete(reset_counts))
        .route("/_control/requests", get(requests))
        .route("/_control/clock", put(set_clock))
        .route("/_control/code", get(code))
        .route("/_control/sessions/revoke", post(revoke_sessions))
        .route(
            "/_control/access-tokens/outdate",
            post(outdate_access_tokens),
        )
        .route("/_control/credentials/expire", post(expire_credentials))
        .route("/_control/keys", post(add_key))
        .route("/_control/keys/{id}", delete(revoke_key))
        .route("/_control/keys/{id}/expire", post(expire_key))
        .route("/_control/users/{name}", patch(change_user))
        .route("/_control/assumed-roles", get(assumed_roles))
        .route(
            "/_control/objects/{bucket}/{*key}",
            get(object).put(put_object),
        )
        .route("/_control/aws-roles", post(add_aws_role))
        .route("/_control/buckets/{bucket}", put(create_bucket))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(control)
}

/// What went wrong with a control call; always the caller's doing.
struct Refused(StatusCode, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"message": self.1}))).into_response()
    }
}

impl<E: std::error::Error> From<E> for Refused {
    fn from(error: E) -> Self {
        Self(StatusCode::BAD_REQUEST, error.to_string())
    }
}

type Answer<T> = Result<T, Refused>;

fn found(found: bool) -> Answer<StatusCode> {
    if found {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Refused(
        StatusCode::NOT_FOUND,
        "there is no such thing".to_owned(),
    ))
}

async fn overview(State(control): State<Control>) -> Json<Value> {
    Json(control.overview())
}

async fn settings(State(control): State<Control>) -> Response {
    Json(control.settings()).into_response()
}

async fn change_settings(
    State(control): State<Control>,
    Json(change): Json<Value>,
) -> Answer<Response> {
    let settings = control.settings().merged(&change)?;
    control.update(|current| *current = settings.clone());
    Ok(Json(settings).into_response())
}

#[derive(Deserialize)]
struct NewFault {
    endpoint: String,
    #[serde(flatten)]
    fault: Fault,
}

async fn faults(State(control): State<Control>) -> Json<Vec<Planted>> {
    Json(control.faults())
}

async fn plant(
    State(control): State<Control>,
    Json(NewFault { endpoint, fault }): Json<NewFault>,
) -> Answer<Json<Value>> {
    let endpoints: EndpointSet = endpoint.parse()?;
    Ok(Json(json!({"id": control.plant(endpoints, fault)})))
}

async fn clear_faults(State(control): State<Control>) -> StatusCode {
    control.clear_faults();
    StatusCode::NO_CONTENT
}

async fn clear_fault(State(control): State<Control>, Path(id): Path<u64>) -> Answer<StatusCode> {
    found(control.clear_fault(id))
}

#[derive(Deserialize)]
struct Refusing {
    refused: bool,
}

async fn refuse(
    State(control): State<Control>,
    Path(host): Path<Host>,
    Json(Refusing { refused }): Json<Refusing>,
) -> StatusCode {
    control.refuse(host, refused);
    StatusCode::NO_CONTENT
}

async fn counts(State(control): State<Control>) -> Json<Counts> {
    Json(control.counts())
}

async fn requests(State(control): State<Control>) -> Json<Vec<Seen>> {
    Json(control.requests())
}

async fn reset_counts(State(control): State<Control>) -> StatusCode {
    control.reset_counts();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ClockChange {
    OffsetSeconds(i64),
    AdvanceSeconds(i64),
}

async fn set_clock(State(control): State<Control>, Json(change): Json<ClockChange>) -> Json<Value> {
    match change {
        ClockChange::OffsetSeconds(seconds) => control.clock().set_offset(seconds),
        ClockChange::AdvanceSeconds(seconds) => control.clock().advance(seconds),
    }
    Json(json!({"offset_seconds": control.clock().offset()}))
}

#[derive(Deserialize)]
struct OfUser {
    user: Option<String>,
}

/// The bare code, ready for a pipe.
async fn code(
    State(control): State<Control>,
    Query(OfUser { user }): Query<OfUser>,
) -> Answer<String> {
    Ok(control.login_code(user.as_deref().unwrap_or("alice"))?)
}

async fn revoke_sessions(
    State(control): State<Control>,
    Query(OfUser { user }): Query<OfUser>,
) -> Json<Value> {
    Json(json!({"revoked": control.revoke_sessions(user.as_deref())}))
}

async fn outdate_access_tokens(State(control): State<Control>) -> StatusCode {
    control.outdate_access_tokens();
    StatusCode::NO_CONTENT
}

async fn expire_credentials(State(control): State<Control>) -> Json<Value> {
    Json(json!({"expired": control.expire_credentials()}))
}

async fn add_key(State(control): State<Control>, Json(seed): Json<KeySeed>) -> Answer<Response> {
    Ok((StatusCode::CREATED, Json(control.add_key(&seed)?)).into_response())
}

async fn revoke_key(State(control): State<Control>, Path(id): Path<String>) -> Answer<StatusCode> {
    found(control.revoke_key(&id))
}

async fn expire_key(State(control): State<Control>, Path(id): Path<String>) -> Answer<StatusCode> {
    found(control.expire_key(&id))
}

async fn change_user(
    State(control): State<Control>,
    Path(name): Path<String>,
    Json(change): Json<UserChange>,
) -> Answer<StatusCode> {
    control.change_user(&name, change)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn assumed_roles(State(control): State<Control>) -> Response {
    Json(control.assumed_roles()).into_response()
}

async fn add_aws_role(
    State(control): State<Control>,
    Json(role): Json<AwsRoleConfig>,
) -> StatusCode {
    control.add_aws_role(role);
    StatusCode::NO_CONTENT
}

async fn create_bucket(State(control): State<Control>, Path(bucket): Path<String>) -> StatusCode {
    control.create_bucket(&bucket, true);
    StatusCode::NO_CONTENT
}

async fn object(
    State(control): State<Control>,
    Path((bucket, key)): Path<(String, String)>,
) -> Response {
    let content = control.object(&bucket, &key);
    content.map_or_else(
        || StatusCode::NOT_FOUND.into_response(),
        IntoResponse::into_response,
    )
}

async fn put_object(
    State(control): State<Control>,
    Path((bucket, key)): Path<(String, String)>,
    content: Bytes,
) -> Answer<StatusCode> {
    found(control.put_object(&bucket, &key, content))
}
