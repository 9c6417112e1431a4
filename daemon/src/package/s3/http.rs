//! object_store's requests over the daemon's one HTTP client.

use std::sync::Arc;

use async_trait::async_trait;
use http_body_util::{BodyExt, Limited};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService,
};

use quilt_network::{Clients, FailedRequest, Failure, Origin, intercepted, is_page};
use quilt_proto::NetworkFailure;
use url::Url;

use super::error_response::{Read, Refusal};
use super::stray_keys::without_stray_keys;

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
pub(super) struct Transport(pub(super) Arc<Clients>);

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
        let request = reqwest::Request::try_from(request)
            .map_err(|_| garbled("it cannot be asked for that"))?;
        let url = request.url().clone();
        let lists = request
            .url()
            .query_pairs()
            .any(|(name, _)| name == "list-type");
        let client = self.0.of(&url).map_err(|failure| lost(&url, failure))?;
        let response = self.0.execute(&client, request).await;
        let response = response.map_err(|error| lost(&url, self.0.failure(&url, &error)))?;

        if !response.status().is_success() {
            return match Refusal::read(response).await {
                Read::Refusal(refusal) => Err(refusal.into()),
                Read::Intercepted(failure) => Err(lost(&url, failure)),
            };
        }
        let (parts, body) = http::Response::<reqwest::Body>::from(response).into_parts();
        let body = Limited::new(body, MAX_ANSWER).map_err(unread(&self.0, &url));
        if lists {
            // A page of a proxy's would pass for an empty listing.
            let page = body.collect().await?.to_bytes();
            let content_type = parts.headers.get(http::header::CONTENT_TYPE);
            let is_page = is_page(content_type.and_then(|it| it.to_str().ok()), &page);
            if let Some(failure) = intercepted(parts.status.as_u16(), is_page) {
                return Err(lost(&url, failure));
            }
            if !page.windows(LISTING.len()).any(|at| at == LISTING) {
                return Err(garbled("the answer is not S3's"));
            }
            let page = without_stray_keys(page);
            return Ok(HttpResponse::from_parts(parts, page.into()));
        }
        Ok(HttpResponse::from_parts(parts, HttpResponseBody::new(body)))
    }
}

/// Why the rest of an answer does not come.
fn unread(
    clients: &Arc<Clients>,
    url: &Url,
) -> impl Fn(Box<dyn std::error::Error + Send + Sync>) -> HttpError + Send + Sync + 'static {
    let (clients, url) = (Arc::clone(clients), url.clone());
    move |error| match error.downcast::<reqwest::Error>() {
        Ok(error) => lost(&url, clients.failure(&url, &error)),
        // The limit is all else that can go wrong.
        Err(_) => garbled("the answer is too large"),
    }
}

fn garbled(what: &'static str) -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, Garbled(what))
}

/// Whatever was under way may be tried again: reading changes nothing, and
/// pointers are replaced and removed as a whole. What a second try does not
/// change is not tried again.
fn lost(url: &Url, failure: Failure) -> HttpError {
    use NetworkFailure as K;
    let kind = match failure.kind() {
        K::Timeout | K::ConnectTimeout => HttpErrorKind::Timeout,
        K::ConnectionRefused | K::NameNotFound | K::NoRoute | K::BrokenAnswer | K::TlsFailed => {
            HttpErrorKind::Request
        }
        _ => HttpErrorKind::Unknown,
    };
    let origin = Origin::of(url);
    HttpError::new(kind, FailedRequest { origin, failure })
}
