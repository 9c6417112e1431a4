//! Every request passes here: it is counted, delayed and, on demand, mistreated.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, future, stream};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, RETRY_AFTER, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue, StatusCode};
use http_body_util::BodyExt;

use super::clock::Clock;
use super::connection::Connection;
use super::endpoint::{Endpoint, Host};
use super::faults::{FaultKind, Strike};
use super::state::Core;

const HTML: &str = "<!doctype html><title>Sign in to the network</title><h1>Sign in</h1>\n";
const HUGE_CHUNK: usize = 64 * 1024;

/// Which server a request came to.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) core: Arc<Core>,
    pub(crate) host: Host,
}

/// Counts the call, plays the fault that strikes it, or passes it on.
pub(crate) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let Guard { core, host } = guard;
    if host == Host::Registry {
        let path = request.uri().path();
        core.requests
            .note(request.method(), path, request.headers());
    }
    let Some(endpoint) = Endpoint::of(host, request.method(), request.uri().path()) else {
        return next.run(request).await;
    };
    let in_flight = core.counts.begin(endpoint);
    let latency = core.settings.lock().latency_ms;
    pause(latency).await;
    let mut response = match core.faults.strike(endpoint) {
        Some(strike) => mistreat(strike, request, next).await,
        None => next.run(request).await,
    };
    in_flight.answered(response.status().as_u16());
    if core.clock.offset() != 0 {
        response.headers_mut().insert(DATE, date(&core.clock));
    }
    response
}

/// The time as HTTP writes it (RFC 9110); by the machine's clock, hyper does it itself.
fn date(clock: &Clock) -> HeaderValue {
    let text = clock
        .now()
        .strftime("%a, %d %b %Y %H:%M:%S GMT")
        .to_string();
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

async fn mistreat(strike: Strike, request: Request, next: Next) -> Response {
    let connection = request.extensions().get::<Connection>().cloned();
    match strike.kind {
        FaultKind::Status { status, body } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let json = serde_json::from_str::<serde_json::Value>(&body).is_ok();
            let kind = if json {
                "application/json"
            } else {
                "text/plain"
            };
            (status, [(CONTENT_TYPE, kind)], body).into_response()
        }
        FaultKind::Busy {
            status,
            retry_after,
        } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            let json = [
                (CONTENT_TYPE, "application/json"),
                (RETRY_AFTER, retry_after.as_str()),
            ];
            (status, json, "{}").into_response()
        }
        FaultKind::Latency { ms } => {
            pause(ms).await;
            next.run(request).await
        }
        FaultKind::Hold => {
            strike.cleared.cancelled().await;
            next.run(request).await
        }
        FaultKind::Hang => {
            strike.cleared.cancelled().await;
            reset(connection).await
        }
        FaultKind::Reset => reset(connection).await,
        FaultKind::LostAnswer => {
            drop(next.run(request).await.into_body().collect().await);
            reset(connection).await
        }
        FaultKind::Garbage => {
            let noise = super::random::bytes::<512>();
            ([(CONTENT_TYPE, "application/json")], noise.to_vec()).into_response()
        }
        FaultKind::Truncated => truncated(next.run(request).await).await,
        FaultKind::Huge { bytes } => huge(bytes),
        FaultKind::SlowDrip { ms } => slow_drip(next.run(request).await, ms).await,
        FaultKind::Html => ([(CONTENT_TYPE, "text/html")], HTML).into_response(),
        FaultKind::ReasonPhrase { reason } => {
            let mut response = next.run(request).await;
            if let Ok(reason) = hyper::ext::ReasonPhrase::try_from(reason) {
                response.extensions_mut().insert(reason);
            }
            response
        }
        FaultKind::Headers { headers } => {
            let mut response = next.run(request).await;
            for (name, value) in headers {
                if let (Ok(name), Ok(value)) = (name.parse(), HeaderValue::try_from(value)) {
                    response.headers_mut().append::<HeaderName>(name, value);
                }
            }
            response
        }
    }
}

/// Resets the connection; never returns, because nobody is left to answer.
async fn reset(connection: Option<Connection>) -> Response {
    if let Some(connection) = connection {
        connection.reset();
    }
    future::pending().await
}

async fn pause(ms: u64) {
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

/// Announces the whole body, sends half, and breaks off.
async fn truncated(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let bytes = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let half = bytes.slice(..bytes.len() / 2);
    parts.headers.remove(TRANSFER_ENCODING);
    parts
        .headers
        .insert(CONTENT_LENGTH, HeaderValue::from(bytes.len().max(1)));
    let broken = stream::once(future::ready(Ok(half))).chain(stream::once(async {
        // An error at once would be seen before hyper has sent anything at all.
        tokio::task::yield_now().await;
        Err(std::io::Error::other("cut off"))
    }));
    Response::from_parts(parts, Body::from_stream(broken))
}

async fn slow_drip(response: Response, ms: u64) -> Response {
    let (parts, body) = response.into_parts();
    let bytes = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let drops = stream::iter(0..bytes.len()).then(move |at| {
        let drop = bytes.slice(at..=at);
        async move {
            pause(ms).await;
            Ok::<Bytes, Infallible>(drop)
        }
    });
    Response::from_parts(parts, Body::from_stream(drops))
}

fn huge(length: u64) -> Response {
    let chunk = Bytes::from(vec![b' '; HUGE_CHUNK]);
    let chunks = stream::unfold(length, move |left| {
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(HUGE_CHUNK);
        let piece = chunk.slice(..size);
        let rest = left.saturating_sub(size as u64);
        future::ready((size > 0).then_some((Ok::<Bytes, Infallible>(piece), rest)))
    });
    (
        [(CONTENT_TYPE, "application/json")],
        Body::from_stream(chunks),
    )
        .into_response()
}
