//! A body that is carried to a stack, perhaps more than once.

use std::any::Any;
use std::convert::Infallible;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// The right to the memory that a body takes up; given back when dropped.
pub type Permit = Box<dyn Any + Send + Sync>;

/// A body in memory, in pieces. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Payload(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    pieces: Vec<Bytes>,
    length: usize,
    /// Given back when nobody holds the pieces any more.
    _permit: Option<Permit>,
}

impl Payload {
    /// A body of these pieces, and the permit for the memory it takes up.
    pub fn new(pieces: Vec<Bytes>, permit: Option<Permit>) -> Self {
        Self(Arc::new(Inner {
            length: pieces.iter().map(Bytes::len).sum(),
            pieces,
            _permit: permit,
        }))
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.0.length
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads it from the start.
    pub fn reader(self) -> impl Read {
        Reader {
            body: self,
            piece: 0,
            read: 0,
        }
    }

    pub(super) fn into_body(self) -> reqwest::Body {
        match &self.0.pieces[..] {
            [] => reqwest::Body::default(),
            _ => reqwest::Body::wrap(Pieces {
                body: self,
                sent: 0,
            }),
        }
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(vec![bytes.into()], None)
    }
}

struct Reader {
    body: Payload,
    piece: usize,
    read: usize,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(piece) = self.body.0.pieces.get(self.piece) {
            let rest = piece.get(self.read..).unwrap_or_default();
            if !rest.is_empty() {
                let length = rest.len().min(buffer.len());
                buffer[..length].copy_from_slice(&rest[..length]);
                self.read += length;
                return Ok(length);
            }
            self.piece += 1;
            self.read = 0;
        }
        Ok(0)
    }
}

/// Sends the pieces as they are, with their length told beforehand.
struct Pieces {
    body: Payload,
    sent: usize,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.body.0.pieces.get(self.sent).cloned();
        self.sent += 1;
        Poll::Ready(next.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.sent >= self.body.0.pieces.len()
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.body.0.pieces.iter().skip(self.sent);
        SizeHint::with_exact(left.map(|piece| piece.len() as u64).sum())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http_body_util::BodyExt;
    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn pieces_are_one_body_that_can_be_sent_again() {
        let room = Arc::new(Semaphore::new(9));
        let permit = Arc::clone(&room).acquire_many_owned(9).await.unwrap();
        let pieces = ["one ", "", "two"].map(|piece| Bytes::from_static(piece.as_bytes()));
        let payload = Payload::new(pieces.to_vec(), Some(Box::new(permit)));
        assert_eq!(payload.len(), 7);
        for _ in 0..2 {
            let mut read = String::new();
            let mut reader = payload.clone().reader();
            reader.read_to_string(&mut read).unwrap();
            assert_eq!(read, "one two");
            let body = payload.clone().into_body();
            assert_eq!(body.size_hint().exact(), Some(7));
            assert_eq!(body.collect().await.unwrap().to_bytes(), read);
        }
        assert_eq!(room.available_permits(), 0, "it is still held");
        drop(payload);
        assert_eq!(room.available_permits(), 9);
    }
}
