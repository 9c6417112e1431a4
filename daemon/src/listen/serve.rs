//! HTTP/1.1 over any listener, under limits on size, number and time.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, Request, header};
use http_body_util::Limited;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use quilt_proto::{ErrorCode, Problem};
use rustix::io::Errno;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::aside::Aside;
use super::room::{Room, Slot, Standing};

/// Bytes a connection may buffer; more would only cost memory on a local socket.
const BUFFER: usize = 64 * 1024;

/// Something connections arrive on.
pub trait Listener: Send {
    /// A connection.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// Who is on the other end; handlers find it in the request's extensions.
    type Caller: Clone + Send + Sync + 'static;

    /// The next connection worth serving. Must be cancel safe.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Io, Self::Caller)>> + Send;
}

/// What a caller may use up.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections served at once; further ones wait.
    pub connections: usize,
    /// Whether the oldest stranger makes way for one that waits. A stranger is
    /// a connection on which no handler has vouched for anybody.
    pub strangers_make_way: bool,
    /// Bytes of request line and headers together.
    pub header_bytes: usize,
    /// Headers in a request.
    pub headers: usize,
    /// Bytes of a request body.
    pub body_bytes: u64,
    /// Time for the first request's header to arrive. Whoever connects has
    /// something to say: slots are not for those who wait before they do.
    pub first_header_time: Duration,
    /// Time for a further request's header to arrive, from the end of the
    /// request before: the keep-alive timeout.
    pub header_time: Duration,
    /// Time from a request's header to the answer's, the request body included.
    /// An answer may stream for as long as it likes.
    pub request_time: Duration,
    /// Time for requests under way to end after shutdown is asked for.
    pub drain_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            strangers_make_way: false,
            header_bytes: 32 * 1024,
            headers: 64,
            body_bytes: 1024 * 1024,
            first_header_time: Duration::from_secs(5),
            header_time: Duration::from_secs(30),
            request_time: Duration::from_mins(2),
            drain_time: Duration::from_secs(5),
        }
    }
}

/// Makes an answer of a problem.
pub type Say = Arc<dyn Fn(&Problem) -> Response + Send + Sync>;

/// How a listener tells what its router never gets to tell.
#[derive(Clone)]
pub struct Words {
    /// A request that is refused unread: too large, or no HTTP.
    pub refused: Say,
    /// A request that is not answered in time.
    pub late: Say,
}

impl Words {
    /// As problems (RFC 9457).
    pub fn problems() -> Self {
        let say: Say = Arc::new(problem_response);
        Self {
            refused: Arc::clone(&say),
            late: say,
        }
    }
}

/// Serves `router` until `shutdown`, then closes the listener, lets requests
/// under way end, and returns the number of those cut off at the deadline.
pub async fn serve<L: Listener>(
    mut listener: L,
    router: Router,
    limits: Limits,
    words: Words,
    shutdown: CancellationToken,
) -> usize {
    let server = Arc::new(Server {
        router,
        limits,
        words,
        shutdown,
        cut: AtomicUsize::new(0),
    });
    let mut room = Room::new(limits.connections, limits.strangers_make_way);
    let connections = TaskTracker::new();
    while let Some((io, caller, slot)) = next(&mut listener, &mut room, &server.shutdown).await {
        let server = Arc::clone(&server);
        connections.spawn(async move {
            let standing = slot.standing();
            tokio::select! {
                () = server.converse(io, caller, standing) => {}
                () = slot.made_way() => tracing::debug!("a stranger made way"),
            }
            drop(slot);
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
    server.cut.load(Ordering::Relaxed)
}

/// The next connection and its slot; none once `shutdown` is asked for.
async fn next<L: Listener>(
    listener: &mut L,
    room: &mut Room,
    shutdown: &CancellationToken,
) -> Option<(L::Io, L::Caller, Slot)> {
    let arrival = async {
        let mut pause = Duration::from_millis(10);
        loop {
            match listener.accept().await {
                Ok((io, caller)) => return Some((io, caller, room.enter().await?)),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    // Out of descriptors or memory: the connection stays in the
                    // backlog, and asking again at once would only burn time.
                    tracing::warn!(%error, "cannot accept connections for now");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(1));
                }
            }
        }
    };
    shutdown.run_until_cancelled(arrival).await.flatten()
}

/// Whether only the connection being accepted failed.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::CONNABORTED | Errno::CONNRESET | Errno::INTR)
    )
}

struct Server {
    router: Router,
    limits: Limits,
    words: Words,
    shutdown: CancellationToken,
    cut: AtomicUsize,
}

impl Server {
    /// One connection, to its end.
    async fn converse<I, C>(&self, io: I, caller: C, standing: Standing)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        C: Clone + Send + Sync + 'static,
    {
        let spoke = AtomicBool::new(false);
        let service = service_fn(|mut request: Request<Incoming>| {
            spoke.store(true, Ordering::Relaxed);
            request.extensions_mut().insert(caller.clone());
            request.extensions_mut().insert(standing.clone());
            self.answer(request)
        });
        let io = Aside::new(io, &spoke, self.limits, &*self.words.refused);
        let mut connection = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(self.limits.header_time)
                .max_header_size(self.limits.header_bytes)
                .max_buf_size(BUFFER.max(self.limits.header_bytes))
                .max_headers(self.limits.headers)
                .serve_connection(TokioIo::new(io), service)
        );
        let silence = async {
            tokio::time::sleep(self.limits.first_header_time).await;
            if spoke.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
        };
        let ended = tokio::select! {
            result = connection.as_mut() => result,
            () = silence => {
                tracing::debug!("a connection asked nothing");
                return;
            }
            () = self.shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                let Ok(result) = tokio::time::timeout(self.limits.drain_time, connection).await
                else {
                    self.cut.fetch_add(1, Ordering::Relaxed);
                    return;
                };
                result
            }
        };
        if let Err(error) = ended {
            // Clients hang up, time out and send nonsense; hyper's words carry
            // none of their bytes.
            tracing::debug!(%error, "a connection ended early");
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response, Infallible> {
        let limits = &self.limits;
        if request.body().size_hint().lower() > limits.body_bytes {
            let detail = format!("the body is larger than {} bytes", limits.body_bytes);
            let problem = Problem::new(413, ErrorCode::InvalidInput, detail);
            return Ok((self.words.refused)(&problem));
        }
        let body_bytes = usize::try_from(limits.body_bytes).unwrap_or(usize::MAX);
        let request = request.map(|body| Body::new(Limited::new(body, body_bytes)));
        let answer = self.router.clone().oneshot(request);
        match tokio::time::timeout(limits.request_time, answer).await {
            Ok(Ok(response)) => Ok(response),
            Err(_) => {
                let seconds = limits.request_time.as_secs();
                let detail = format!("no answer within {seconds} s; try again");
                let problem = Problem::new(504, ErrorCode::Internal, detail);
                Ok((self.words.late)(&problem))
            }
        }
    }
}

/// A problem as an answer.
pub(crate) fn problem_response(problem: &Problem) -> Response {
    // Strings and numbers always serialise.
    let body = serde_json::to_vec(problem).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = http::StatusCode::from_u16(problem.status)
        .unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    // For whoever keeps count of outcomes.
    response.extensions_mut().insert(problem.code.clone());
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(Problem::MEDIA_TYPE),
    );
    response
}

#[cfg(test)]
mod tests;
