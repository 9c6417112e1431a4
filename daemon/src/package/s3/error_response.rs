//! Answers of S3 that are no success.

use http::StatusCode;
use object_store::client::{HttpError, HttpErrorKind};
use quilt_network::{Failure, intercepted, is_page};
use quilt_proto::Quoted;
use quilt_proto::aws::Region;
use reqwest::Response;

use crate::aws::text_of;

/// Largest error body read, in bytes.
const MAX_BODY: usize = 16 * 1024;

/// What S3 said instead of doing what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[error("S3 answered {status} {code}")]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// S3's error code; empty where it gave none.
    pub(super) code: String,
    /// In its words, where it has any that can be shown.
    pub(super) message: Option<Quoted>,
    /// Where the bucket is.
    pub(super) region: Option<Region>,
}

/// What an answer is that is no success.
pub(super) enum Read {
    Refusal(Refusal),
    /// It is of something on the way.
    Intercepted(Failure),
}

impl Refusal {
    /// Reads as much of an answer as matters.
    pub(super) async fn read(mut response: Response) -> Read {
        let region = told_region(&response);
        let mut body = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BODY {
                break;
            }
        }
        let content_type = response.headers().get(http::header::CONTENT_TYPE);
        let is_page = is_page(content_type.and_then(|it| it.to_str().ok()), &body);
        if let Some(failure) = intercepted(response.status().as_u16(), is_page) {
            return Read::Intercepted(failure);
        }
        let text = String::from_utf8_lossy(&body);
        Read::Refusal(Self::parse(response.status(), region, &text))
    }

    pub(super) fn parse(status: StatusCode, region: Option<Region>, body: &str) -> Self {
        Self {
            status,
            code: text_of(body, "Code")
                .filter(|code| is_code(code))
                .unwrap_or_default(),
            message: text_of(body, "Message").and_then(|text| Quoted::without_secrets(&text, &[])),
            region: region.or_else(|| text_of(body, "Region")?.parse().ok()),
        }
    }

    /// Whether it may pass by itself.
    fn may_pass(&self) -> bool {
        self.status.is_server_error()
            || matches!(
                self.status,
                StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
            )
    }
}

/// object_store tries failed requests again, and hides from us what S3
/// answered to those it does not.
impl From<Refusal> for HttpError {
    fn from(refusal: Refusal) -> Self {
        let kind = if refusal.may_pass() {
            HttpErrorKind::Request
        } else {
            HttpErrorKind::Unknown
        };
        Self::new(kind, refusal)
    }
}

/// Where an answer says the bucket is.
pub(super) fn told_region(response: &Response) -> Option<Region> {
    let told = response
        .headers()
        .get("x-amz-bucket-region")?
        .to_str()
        .ok()?;
    told.parse().ok()
}

/// Error codes are one word.
fn is_code(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
}
