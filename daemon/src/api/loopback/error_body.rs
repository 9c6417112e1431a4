//! How a refusal is said over loopback: in the spellings of all who ask there.

use axum::Json;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use quilt_proto::Problem;
use serde::Serialize;

use crate::api::request_bodies::TRY_AGAIN;

/// A problem in both spellings: AWS SDKs read either, quilt3 the lower one.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorBody<'a> {
    #[serde(rename = "code")]
    lower_code: &'a str,
    #[serde(rename = "message")]
    lower_message: &'a str,
    code: &'a str,
    message: &'a str,
    /// As GraphQL says it.
    #[serde(rename = "errors", skip_serializing_if = "Option::is_none")]
    errors: Option<[GraphqlError<'a>; 1]>,
}

#[derive(Serialize)]
struct GraphqlError<'a> {
    message: &'a str,
}

/// An answer that AWS SDKs and quilt3 understand.
pub(super) fn answer(problem: &Problem) -> Response {
    error_response(problem, false)
}

/// An answer that clients of GraphQL understand as well.
pub(super) fn refused_in_graphql(problem: &Problem) -> Response {
    error_response(problem, true)
}

fn error_response(problem: &Problem, in_graphql: bool) -> Response {
    let message = problem.to_string();
    let body = Json(ErrorBody {
        lower_code: problem.code.as_str(),
        lower_message: &message,
        code: problem.code.as_str(),
        message: &message,
        errors: in_graphql.then_some([GraphqlError { message: &message }]),
    });
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let is_busy = matches!(problem.status, 429 | 503);
    let again = is_busy.then(|| [(header::RETRY_AFTER, HeaderValue::from(TRY_AGAIN))]);
    super::private((status, again, body))
}
