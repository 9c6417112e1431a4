//! What the browser shows at the end: static, without a word of the request.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

/// Shown after a login.
pub(super) const DONE: &str = "You are logged in. You can close this page.";
/// Shown when the login did not come about.
pub(super) const FAILED: &str = "The login failed. Go back to where you started it: it says why.";
/// Shown for anything but the redirect that is waited for.
pub(super) const REFUSED: &str = "This is not the end of a login that is under way.";

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
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>quiltd</title><p>{text}</p></html>"
    );
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
