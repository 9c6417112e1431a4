//! Answers that end their connection.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONNECTION};

/// The last answer of its connection, for requests or answers that hold a
/// secret: the connection's buffers would keep it for as long as it is open.
pub(super) fn last<T: IntoResponse>(answer: T) -> Response {
    ([(CONNECTION, "close"), (CACHE_CONTROL, "no-store")], answer).into_response()
}
