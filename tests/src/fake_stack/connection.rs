//! One accepted connection, and how to reset it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// A handle on the connection a request came over.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    aborted: CancellationToken,
    resetting: Arc<AtomicBool>,
}

impl Connection {
    /// A connection that ends when `host_down` does.
    pub(crate) fn new(host_down: &CancellationToken) -> Self {
        Self {
            aborted: host_down.child_token(),
            resetting: Arc::default(),
        }
    }

    /// Ends the connection with a TCP reset.
    pub(crate) fn reset(&self) {
        self.resetting.store(true, Ordering::Relaxed);
        self.aborted.cancel();
    }

    /// Completes when the connection is to be dropped.
    pub(crate) async fn aborted(&self) {
        self.aborted.cancelled().await;
    }

    /// Ties the stream to this handle.
    pub(crate) fn tie(&self, stream: TcpStream) -> TiedStream {
        TiedStream {
            stream,
            resetting: Arc::clone(&self.resetting),
        }
    }
}

/// A TCP stream that ends with a reset if its handle said so.
#[derive(Debug)]
pub(crate) struct TiedStream {
    stream: TcpStream,
    resetting: Arc<AtomicBool>,
}

impl Drop for TiedStream {
    fn drop(&mut self) {
        if self.resetting.load(Ordering::Relaxed) {
            // Without lingering, closing sends RST in place of FIN. If the option cannot be
            // set the peer sees an early end instead, which is as good a fault.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for TiedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for TiedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
