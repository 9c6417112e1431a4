//! S3 on an in-memory store: protocol and signatures by s3s, content and permissions here.

pub(crate) mod access;
mod checksums;
mod list;
mod multipart;
mod objects;
pub(crate) mod operations;
pub(crate) mod store;
pub(crate) mod uploads;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use s3s::host::SingleDomain;
use s3s::service::{S3Service, S3ServiceBuilder};

use super::aws::signature::Secrets;
use super::state::Core;

/// Every S3 operation, path-style, and virtual-hosted under `localhost:<port>`.
pub(crate) fn router(core: &Arc<Core>) -> axum::Router {
    let mut builder = S3ServiceBuilder::new(operations::FakeS3(Arc::clone(core)));
    builder.set_auth(Secrets(Arc::clone(core)));
    builder.set_access(access::Access(Arc::clone(core)));
    let port = core.urls.s3.rsplit(':').next().unwrap_or_default();
    if let Ok(host) = SingleDomain::new(&format!("localhost:{port}")) {
        builder.set_host(host);
    }
    axum::Router::new()
        .fallback(serve)
        .with_state(builder.build())
}

async fn serve(State(service): State<S3Service>, request: Request) -> Response {
    match service.call(request.map(s3s::Body::http_body_unsync)).await {
        Ok(response) => response.map(Body::new),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
