//! A registry in S3.

mod bucket_region;
mod connections;
mod credentials;
mod endpoint;
mod error_mapping;
mod error_response;
mod http;
mod store;
mod stray_keys;

pub(super) use self::connections::Connections;
pub(super) use self::credentials::Vended;
pub(super) use self::store::S3Store;

/// What S3 says of a failure, made up.
#[cfg(any(test, fuzzing))]
pub(crate) fn fuzz_refusal(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let refusal = error_response::Refusal::parse(::http::StatusCode::FORBIDDEN, None, &text);
    let said = refusal.to_string();
    assert!(!said.contains(char::is_control), "{said:?}");
}
