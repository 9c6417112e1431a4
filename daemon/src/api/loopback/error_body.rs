//! How a refusal is said over loopback: in the spellings of all who ask there.

use axum::Json;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use quilt_proto::Problem;
use serde_json::{Value, json};

use crate::api::request_bodies::TRY_AGAIN;

/// An answer that AWS SDKs and quilt3 understand.
pub(super) fn answer(problem: &Problem) -> Response {
    response(problem, body(problem))
}

/// An answer that clients of GraphQL understand as well.
pub(super) fn refused_in_graphql(problem: &Problem) -> Response {
    let mut body = body(problem);
    body["errors"] = json!([{ "message": problem.to_string() }]);
    response(problem, body)
}

/// A problem in both spellings: AWS SDKs read either, quilt3 the lower one.
fn body(problem: &Problem) -> Value {
    let (code, message) = (problem.code.as_str(), problem.to_string());
    json!({ "code": code, "message": message, "Code": code, "Message": message })
}

fn response(problem: &Problem, body: Value) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let is_busy = matches!(problem.status, 429 | 503);
    let again = is_busy.then(|| [(header::RETRY_AFTER, HeaderValue::from(TRY_AGAIN))]);
    super::private((status, again, Json(body)))
}
