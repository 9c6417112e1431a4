//! Accepting connections, and refusing them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::connection::Connection;

/// How long a client may take to send its request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest request head.
const HEAD_LIMIT: usize = 64 * 1024;

/// A bound listener and what answers on it.
pub(crate) struct Server {
    pub(crate) listener: TcpListener,
    pub(crate) address: SocketAddr,
    pub(crate) router: Router,
    /// True while the host refuses connections.
    pub(crate) refusing: watch::Receiver<bool>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl Server {
    /// Serves until stopped. While the host refuses, its listener is closed and its open
    /// connections are dropped.
    pub(crate) async fn run(self) {
        let Self {
            listener,
            address,
            router,
            mut refusing,
            stop,
            tasks,
        } = self;
        let mut listener = Some(listener);
        while !stop.is_cancelled() {
            let bound = match listener.take() {
                Some(bound) => bound,
                None => match TcpListener::bind(address).await {
                    Ok(bound) => bound,
                    Err(error) => {
                        tracing::error!(%address, %error, "cannot listen again");
                        return;
                    }
                },
            };
            let down = stop.child_token();
            tokio::select! {
                () = stop.cancelled() => {}
                () = becomes(&mut refusing, true) => {}
                () = accept(&bound, &router, &down, &tasks) => {}
            }
            drop(bound);
            down.cancel();
            tokio::select! {
                () = stop.cancelled() => {}
                () = becomes(&mut refusing, false) => {}
            }
        }
    }
}

/// Waits until the host refuses or no longer does; for ever, if nobody is left to say so.
async fn becomes(refusing: &mut watch::Receiver<bool>, wanted: bool) {
    if refusing
        .wait_for(|refusing| *refusing == wanted)
        .await
        .is_err()
    {
        std::future::pending::<()>().await;
    }
}

async fn accept(
    listener: &TcpListener,
    router: &Router,
    down: &CancellationToken,
    tasks: &TaskTracker,
) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tasks.spawn(converse(stream, router.clone(), Connection::new(down)));
            }
            Err(error) => {
                // Out of file descriptors, most likely: wait for some to be closed.
                tracing::warn!(%error, "cannot accept");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, router: Router, connection: Connection) {
    let _ = stream.set_nodelay(true);
    let io = TokioIo::new(connection.tie(stream));
    let handle = connection.clone();
    let service = hyper::service::service_fn(move |request: http::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(handle.clone());
        let router = router.clone();
        async move { Ok::<_, Infallible>(router.oneshot(request).await.unwrap_or_else(|e| match e {})) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_LIMIT)
        .serve_connection(io, service);
    tokio::select! {
        () = connection.aborted() => {}
        served = serving => {
            if let Err(error) = served {
                tracing::debug!(%error, "connection ended early");
            }
        }
    }
}
