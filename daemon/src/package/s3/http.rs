//! object_store's requests over the daemon's one HTTP client.

use async_trait::async_trait;
use http_body_util::{BodyExt, Limited};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService,
};

use super::refusal::Refusal;

/// Largest answer accepted, in bytes: a thousand keys of S3's longest (1024
/// bytes), each with what a listing says of it, are less than half of it.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// What a listing begins with, after its declaration.
const LISTING: &[u8] = b"<ListBucketResult";

/// An answer is none of S3's.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("{0}")]
pub(super) struct Garbled(&'static str);

/// Sends requests.
#[derive(Debug, Clone)]
pub(super) struct Transport(pub(super) reqwest::Client);

impl HttpConnector for Transport {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Transport {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let request = http::Request::from_parts(parts, reqwest::Body::from(body));
        let request = reqwest::Request::try_from(request).map_err(lost)?;
        let lists = request
            .url()
            .query_pairs()
            .any(|(name, _)| name == "list-type");
        let response = self.0.execute(request).await.map_err(lost)?;

        if !response.status().is_success() {
            return Err(Refusal::read(response).await.into());
        }
        let (parts, body) = http::Response::<reqwest::Body>::from(response).into_parts();
        let body = Limited::new(body, MAX_ANSWER).map_err(unread);
        if lists {
            // A page of a proxy's would pass for an empty listing.
            let page = body.collect().await?.to_bytes();
            if !page.windows(LISTING.len()).any(|at| at == LISTING) {
                return Err(garbled("the answer is not S3's"));
            }
            return Ok(HttpResponse::from_parts(parts, page.into()));
        }
        Ok(HttpResponse::from_parts(parts, HttpResponseBody::new(body)))
    }
}

fn unread(error: Box<dyn std::error::Error + Send + Sync>) -> HttpError {
    match error.downcast::<reqwest::Error>() {
        Ok(error) => lost(*error),
        // The limit is all else that can go wrong.
        Err(_) => garbled("the answer is too large"),
    }
}

fn garbled(what: &'static str) -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, Garbled(what))
}

/// Whatever was under way may be tried again: reading changes nothing, and
/// pointers are replaced and removed as a whole.
fn lost(error: reqwest::Error) -> HttpError {
    let kind = if error.is_timeout() {
        HttpErrorKind::Timeout
    } else {
        HttpErrorKind::Request
    };
    HttpError::new(kind, error.without_url())
}
