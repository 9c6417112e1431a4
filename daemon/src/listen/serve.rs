//! HTTP/1.1 over any listener, under limits on size, number and time.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use http::{Request, StatusCode, header};
use http_body_util::Limited;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use quilt_proto::{ErrorCode, Problem};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::acceptor::Acceptor;
use super::early_refusal::EarlyRefusal;
use super::lazy_timeout::{TimedOut, within};
use super::limiter::{ConnectionLimiter, ConnectionSlot, Order, Origin, Turn};
use super::listener_limits::Limits;
use super::tracked::{Asked, Stream, Tracked, answered};
use crate::metrics::ConnectionMeter;

/// Bytes a connection may buffer; more would only cost memory on a local
/// socket. Headers have to fit.
const BUFFER: usize = 16 * 1024;

/// Something connections arrive on.
pub trait Listener: Send {
    /// A connection.
    type Io: Stream;
    /// Who is on the other end; handlers find it in the request's extensions.
    type Caller: Caller;

    /// The next connection worth serving. Must be cancel safe.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Io, Self::Caller)>> + Send;
}

/// Who is on the other end of a connection.
pub trait Caller: Clone + Send + Sync + Unpin + 'static {
    /// Whom the connection counts for.
    fn origin(&self) -> Origin;

    /// Called when the first bytes have come by `io`: what costs something to
    /// know is looked up for those who say something.
    fn speaks(&self, _io: &impl Stream) {}
}

impl Caller for () {
    fn origin(&self) -> Origin {
        Origin::Unknown
    }
}

/// Makes an answer of a problem.
pub type ErrorResponder = Arc<dyn Fn(&Problem) -> Response + Send + Sync>;

/// How a listener tells what its router never gets to tell.
#[derive(Clone)]
pub struct ErrorResponders {
    /// A request that is refused unread: too large, or no HTTP.
    pub refused: ErrorResponder,
    /// A request that is not answered in time.
    pub late: ErrorResponder,
}

impl ErrorResponders {
    /// As problems (RFC 9457).
    pub fn problems() -> Self {
        let say: ErrorResponder = Arc::new(problem_response);
        Self {
            refused: Arc::clone(&say),
            late: say,
        }
    }
}

/// Serves `router` until `shutdown`, then closes the listener, lets requests
/// under way end, and returns the number of those cut off at the deadline.
/// `meter` counts the connections.
pub async fn serve<L: Listener>(
    mut listener: L,
    meter: ConnectionMeter,
    router: Router,
    limits: Limits,
    responders: ErrorResponders,
    shutdown: CancellationToken,
) -> usize {
    let server = Arc::new(Server {
        router,
        limits,
        responders,
        shutdown,
        cut: AtomicUsize::new(0),
    });
    let limiter = ConnectionLimiter::new(limits.connections, meter);
    let connections = TaskTracker::new();
    let mut acceptor = Acceptor::new(limiter, limits.waiting);
    let shutdown = server.shutdown.clone();
    while let Some(admitted) = shutdown
        .run_until_cancelled(acceptor.next(&mut listener))
        .await
    {
        let server = Arc::clone(&server);
        let ((io, caller), slot) = admitted;
        connections.spawn(async move {
            server.converse(io, caller, slot.handle()).await;
            drop(slot);
        });
    }
    drop(listener);
    drop(acceptor);
    connections.close();
    connections.wait().await;
    server.cut.load(Ordering::Relaxed)
}

struct Server {
    router: Router,
    limits: Limits,
    responders: ErrorResponders,
    shutdown: CancellationToken,
    cut: AtomicUsize,
}

impl Server {
    /// One connection, to its end.
    async fn converse<I: Stream, C: Caller>(&self, io: I, caller: C, slot: &ConnectionSlot) {
        let spoke = AtomicBool::new(false);
        let service = service_fn(|mut request: Request<Incoming>| {
            spoke.store(true, Ordering::Relaxed);
            request.extensions_mut().insert(caller.clone());
            request.extensions_mut().insert(slot.clone());
            self.answer(request, slot)
        });
        let io = Tracked::new(io, slot.clone(), caller.clone());
        let io = EarlyRefusal::new(io, &spoke, self.limits, &*self.responders.refused);
        let mut connection = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(self.limits.header_time)
                .max_header_size(self.limits.header_bytes)
                .max_buf_size(BUFFER.max(self.limits.header_bytes))
                .max_headers(self.limits.headers)
                .half_close(self.limits.half_close)
                .serve_connection(TokioIo::new(io), service)
        );
        let mut silence = pin!(async {
            tokio::time::sleep(self.limits.first_header_time).await;
            if spoke.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
        });
        let ended = loop {
            tokio::select! {
                biased;
                result = connection.as_mut() => break result,
                () = self.shutdown.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    let Ok(result) = tokio::time::timeout(self.limits.drain_time, connection).await
                    else {
                        self.cut.fetch_add(1, Ordering::Relaxed);
                        return;
                    };
                    break result;
                }
                order = slot.ordered() => match order {
                    Order::Stay => {}
                    Order::Finish => connection.as_mut().graceful_shutdown(),
                    Order::Leave => {
                        // A request may have come since.
                        if let Poll::Ready(result) = futures_util::poll!(connection.as_mut()) {
                            break result;
                        }
                        if slot.leaves() {
                            tracing::debug!("evicted a connection that asks nothing");
                            return;
                        }
                    }
                    Order::Cut => {
                        tracing::debug!("evicted a connection that keeps an answer waiting");
                        return;
                    }
                },
                () = silence.as_mut() => {
                    tracing::debug!("a connection asked nothing");
                    return;
                }
            }
        };
        if let Err(error) = ended {
            // Clients hang up, time out and send nonsense; hyper's words carry
            // none of their bytes.
            tracing::debug!(%error, "a connection ended early");
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        slot: &ConnectionSlot,
    ) -> Result<Response, Infallible> {
        let answer = pin!(self.answer_in_turn(request, slot));
        let answer = within(self.limits.request_time, answer).await;
        let response = answer.unwrap_or_else(|TimedOut| {
            let seconds = self.limits.request_time.as_secs();
            let detail = format!("no answer within {seconds} s; try again");
            let problem = Problem::new(504, ErrorCode::Internal, detail);
            (self.responders.late)(&problem)
        });
        Ok(response.map(|body| answered(body, slot.clone())))
    }

    async fn answer_in_turn(&self, request: Request<Incoming>, slot: &ConnectionSlot) -> Response {
        let busy = || {
            let detail = "too much is asked at once; try again";
            let problem = Problem::new(503, ErrorCode::Busy, detail);
            come_again((self.responders.late)(&problem))
        };
        if slot.ask(request.method().is_safe()).await == Turn::Never {
            return busy();
        }
        let limits = &self.limits;
        if request.body().size_hint().lower() > limits.body_bytes {
            let detail = format!("the body is larger than {} bytes", limits.body_bytes);
            let problem = Problem::new(413, ErrorCode::InvalidInput, detail);
            return (self.responders.refused)(&problem);
        }
        let body_bytes = usize::try_from(limits.body_bytes).unwrap_or(usize::MAX);
        let request = request.map(|body| {
            let slot = slot.clone();
            Body::new(Limited::new(Asked { body, slot }, body_bytes))
        });
        let answer = slot.answering(self.router.clone().oneshot(request));
        tokio::select! {
            biased;
            answer = answer => {
                slot.begun();
                let Ok(response) = answer;
                response
            }
            () = slot.turned_away() => busy(),
        }
    }
}

/// An answer to somebody who may ask again in a moment (RFC 9110, section
/// 10.2.3).
pub(crate) fn come_again(response: Response) -> Response {
    ([(header::RETRY_AFTER, "1")], response).into_response()
}

/// A problem as an answer.
pub(crate) fn problem_response(problem: &Problem) -> Response {
    // Strings and numbers always serialise.
    let body = serde_json::to_vec(problem).unwrap_or_default();
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let media_type = [(header::CONTENT_TYPE, Problem::MEDIA_TYPE)];
    // For whoever keeps count of outcomes.
    let code = Extension(problem.code.clone());
    (status, media_type, code, body).into_response()
}

#[cfg(test)]
mod tests;
