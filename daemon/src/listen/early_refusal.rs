//! What hyper says by itself, in the words of the listener.
//!
//! To a request it cannot read, hyper sends a bare status, and no handler ever
//! sees it. Nothing else is written before the first request of a connection
//! has been read: whatever is, is such an answer. (After the first request the
//! bare status stays: answers to requests before it may still be under way.)

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::response::Response;
use bytes::Bytes;
use futures_util::FutureExt;
use http_body_util::BodyExt;
use quilt_proto::{ErrorCode, Problem};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Limits;

/// A connection on which that is replaced.
pub(super) struct EarlyRefusal<'a, I> {
    io: I,
    /// Whether a request has been read.
    asked: &'a AtomicBool,
    limits: Limits,
    refused: &'a (dyn Fn(&Problem) -> Response + Send + Sync),
    /// What is said instead, and is left to be written.
    instead: Option<Bytes>,
}

impl<'a, I> EarlyRefusal<'a, I> {
    pub(super) fn new(
        io: I,
        asked: &'a AtomicBool,
        limits: Limits,
        refused: &'a (dyn Fn(&Problem) -> Response + Send + Sync),
    ) -> Self {
        Self {
            io,
            asked,
            limits,
            refused,
            instead: None,
        }
    }

    fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Why a request was not read, from hyper's status line.
    fn problem(&self, head: &str) -> Problem {
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        let (headers, bytes) = (self.limits.headers, self.limits.header_bytes);
        let (status, detail) = match status {
            Some(431) => (
                431,
                format!("there are more than {headers} headers or {bytes} bytes of them"),
            ),
            Some(414) => (414, "the path is too long".to_owned()),
            _ => (400, "this is not a request of HTTP/1.1".to_owned()),
        };
        Problem::new(status, ErrorCode::InvalidInput, detail)
    }

    /// The listener's words, under what hyper says of the connection.
    fn reworded(&self, head: &[u8]) -> Bytes {
        let head = String::from_utf8_lossy(head);
        let (parts, body) = (self.refused)(&self.problem(&head)).into_parts();
        // Refusals are made at once and whole.
        let body = body.collect().now_or_never().and_then(Result::ok);
        let body = body.map(http_body_util::Collected::to_bytes);
        let body = body.unwrap_or_default();
        let reason = parts.status.canonical_reason().unwrap_or_default();
        let mut said = format!("HTTP/1.1 {} {reason}\r\n", parts.status.as_u16()).into_bytes();
        let of_connection = |line: &&str| {
            line.contains(": ") && !line.to_ascii_lowercase().starts_with("content-length")
        };
        for line in head.split("\r\n").filter(of_connection) {
            said.extend_from_slice(line.as_bytes());
            said.extend_from_slice(b"\r\n");
        }
        for (name, value) in &parts.headers {
            said.extend_from_slice(name.as_str().as_bytes());
            said.extend_from_slice(b": ");
            said.extend_from_slice(value.as_bytes());
            said.extend_from_slice(b"\r\n");
        }
        said.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
        said.extend_from_slice(&body);
        said.into()
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for EarlyRefusal<'_, I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for EarlyRefusal<'_, I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        said: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_asked() {
            return Pin::new(&mut self.io).poll_write(context, said);
        }
        let mut left = match self.instead.take() {
            Some(left) => left,
            None => self.reworded(said),
        };
        while !left.is_empty() {
            match Pin::new(&mut self.io).poll_write(context, &left) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => drop(left.split_to(written)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.instead = Some(left);
                    return Poll::Pending;
                }
            }
        }
        // Should hyper say more, that is gone with it.
        self.instead = Some(left);
        Poll::Ready(Ok(said.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        said: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.is_asked() {
            return Pin::new(&mut self.io).poll_write_vectored(context, said);
        }
        let said = said.iter().find(|said| !said.is_empty());
        let said: &[u8] = said.map_or(&[], |said| said);
        Poll::Ready(ready!(self.poll_write(context, said)))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
