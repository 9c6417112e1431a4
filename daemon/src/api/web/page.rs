//! What the browser shows at the end: static, without a word of the request.

use std::fmt::Write;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use quilt_proto::command::sentence;

/// Shown after a login.
pub(super) const DONE: &str = "You are logged in. You can close this page.";
/// Shown when the login did not come about.
pub(super) const FAILED: &str = "The login failed. Go back to where you started it: it says why.";
/// Shown for anything but what a login under way is waiting for.
pub(super) const REFUSED: &str = "This is no part of a login that is under way.";
/// Shown to a browser of which the system does not tell whose it is.
const UNKNOWN: &str = "The system does not tell whose browser this is, so this login could be \
                       another user's: it was refused. That is so where a browser is outside of \
                       the virtual machine or container in which quiltctl runs. Log in with a \
                       code instead: stop the command that waits, and begin anew";

/// Nothing is loaded, sent, framed, kept or told to anyone.
const HEADERS: [(header::HeaderName, &str); 8] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox",
    ),
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        header::HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (header::CONNECTION, "close"),
];

/// A page that says `text`.
pub(super) fn page(status: StatusCode, text: &'static str) -> Response {
    with_headers(status, html(text))
}

/// Leads on to a page of the stack's. One that HTTP cannot carry is refused.
pub(super) fn lead_on(to: &str) -> Response {
    let Ok(to) = HeaderValue::from_str(to) else {
        return page(StatusCode::INTERNAL_SERVER_ERROR, FAILED);
    };
    let mut response = with_headers(StatusCode::SEE_OTHER, String::new());
    response.headers_mut().insert(header::LOCATION, to);
    response
}

/// The whole answer to a browser of nobody the system tells, as it is sent.
pub(super) fn to_unknown() -> Vec<u8> {
    let body = html(&sentence(UNKNOWN, Some(&"quiltctl login".into())));
    let mut answer = "HTTP/1.1 403 Forbidden\r\n".to_owned();
    for (name, value) in HEADERS {
        // Writing to a String cannot fail.
        let _ = write!(answer, "{name}: {value}\r\n");
    }
    let _ = write!(answer, "content-length: {}\r\n\r\n{body}", body.len());
    answer.into_bytes()
}

fn html(text: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>quiltd</title><p>{text}</p></html>"
    )
}

fn with_headers(status: StatusCode, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
