//! A connection that tells its slot what it is doing.

use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::Caller;
use super::limiter::ConnectionSlot;

/// A connection's bytes, either way.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Whether bytes have arrived that nobody has read yet.
    fn has_unread(&self) -> bool;

    /// Whether the other end has not hung up.
    fn is_open(&self) -> bool;
}

fn is_open(io: &impl AsFd) -> bool {
    let mut polled = [PollFd::new(io, PollFlags::empty())];
    let now = Timespec::default();
    poll(&mut polled, Some(&now)).is_ok()
        && !polled[0]
            .revents()
            .intersects(PollFlags::HUP | PollFlags::ERR)
}

impl Stream for UnixStream {
    fn has_unread(&self) -> bool {
        rustix::io::ioctl_fionread(self).is_ok_and(|bytes| bytes > 0)
    }

    fn is_open(&self) -> bool {
        is_open(self)
    }
}

impl Stream for TcpStream {
    fn has_unread(&self) -> bool {
        rustix::io::ioctl_fionread(self).is_ok_and(|bytes| bytes > 0)
    }

    fn is_open(&self) -> bool {
        is_open(self)
    }
}

/// A connection that tells when its client asks, and when it keeps it waiting.
pub(super) struct Tracked<I, C> {
    io: I,
    slot: ConnectionSlot,
    /// Who has not said anything yet.
    silent: Option<C>,
}

impl<I, C> Tracked<I, C> {
    pub(super) fn new(io: I, slot: ConnectionSlot, caller: C) -> Self {
        let silent = Some(caller);
        Self { io, slot, silent }
    }

    fn note<T>(&self, written: Poll<T>) -> Poll<T> {
        if written.is_pending() {
            self.slot.blocked();
        }
        written
    }
}

impl<I: Stream, C: Caller + Unpin> AsyncRead for Tracked<I, C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(context, buffer);
        if read.is_pending() {
            // What has just arrived is known to the system before it is to tokio.
            self.slot.read(|| self.io.has_unread());
        } else if let Some(caller) = self.silent.take() {
            caller.speaks(&self.io);
        }
        read
    }
}

impl<I: Stream, C: Unpin> AsyncWrite for Tracked<I, C> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(context, bytes);
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(context, bytes);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Called once everything before it has been written.
        ready!(Pin::new(&mut self.io).poll_flush(context))?;
        self.slot.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

/// A request's body that tells when the rest of it is waited for. However
/// slowly it comes, that counts from the first moment.
pub(super) struct Asked {
    pub(super) body: Incoming,
    pub(super) slot: ConnectionSlot,
}

impl HttpBody for Asked {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        match &frame {
            Poll::Pending => self.slot.short(true),
            Poll::Ready(Some(Ok(_))) if !self.body.is_end_stream() => {}
            Poll::Ready(_) => self.slot.short(false),
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.slot.short(false);
    }
}

/// Tells that an answer has been handed over.
struct HandedOver(ConnectionSlot);

impl Drop for HandedOver {
    fn drop(&mut self) {
        self.0.answered();
    }
}

/// An answer's body that tells when it has been handed over.
pub(super) fn answered(body: Body, slot: ConnectionSlot) -> Body {
    let handed_over = HandedOver(slot);
    // Goes with the body.
    Body::new(body.inspect_frame(move |_| _ = &handed_over))
}
