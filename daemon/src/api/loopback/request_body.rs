//! Bodies of requests, bounded one by one and in sum.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use quilt_proto::{ErrorCode, Problem};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::stack::Payload;

/// A body that needs no room of its own, in bytes. A listener has so few
/// connections that all of them may have one.
const SMALL: usize = 64 * 1024;

/// The room for larger ones, in bytes: two of the largest.
const ROOM: usize = 32 * 1024 * 1024;

/// How long a body waits for room, first come, first served; and after how many
/// seconds to try again.
const WAIT: Duration = Duration::from_secs(30);
pub(super) const TRY_AGAIN: u16 = 5;

/// How long it may take to arrive, from then on.
const ARRIVAL: Duration = Duration::from_secs(20);

/// What keeps coming after that, with no longer pause than this, is taken all
/// the same, to an end: a daemon on a busy machine may itself be what is slow.
const PAUSE: Duration = Duration::from_millis(500);
const LATEST: Duration = Duration::from_mins(2);

/// Bodies are held in pieces of this size, in bytes: none is ever copied as a
/// whole, nor is a tiny chunk a piece. Large enough for the allocator to give
/// it back to the system.
const PIECE: usize = 128 * 1024;

/// Takes bodies in.
pub(super) struct RequestBodies {
    room: Arc<Semaphore>,
}

impl RequestBodies {
    pub(super) fn new() -> Self {
        Self {
            room: Arc::new(Semaphore::new(ROOM)),
        }
    }

    /// A body of up to `most` bytes. Nothing of a large one is read before there
    /// is room for it.
    pub(super) async fn take(&self, mut body: Body, most: usize) -> Result<Payload, Problem> {
        let told = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if told > most {
            return Err(too_large(most));
        }
        let mut room = None;
        if told > SMALL {
            room = Some(self.room(told).await?);
        }
        let mut deadline = Instant::now() + ARRIVAL;
        let mut pieces = Pieces::expecting(told);
        loop {
            let patience = deadline.max((Instant::now() + PAUSE).min(deadline + LATEST));
            let frame = timeout_at(patience, body.frame()).await;
            let frame = match frame {
                Ok(None) => break,
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(_))) => return Err(too_large(most)),
                Err(_) => {
                    let detail = "the body takes too long";
                    return Err(Problem::new(408, ErrorCode::InvalidInput, detail));
                }
            };
            let Ok(data) = frame.into_data() else {
                continue;
            };
            let length = pieces.length + data.len();
            if length > most {
                return Err(too_large(most));
            }
            if length > SMALL && room.is_none() {
                // How much more will come is not known: room for all that may.
                let begun = Instant::now();
                room = Some(self.room(most).await?);
                deadline += begun.elapsed();
            }
            pieces.push(&data);
        }
        if let Some(room) = &mut room {
            let excess = room.num_permits().saturating_sub(pieces.length);
            drop(room.split(excess));
        }
        Ok(Payload::new(pieces.finish(), room))
    }

    async fn room(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Problem> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(bytes);
        // Never closed.
        if let Ok(Ok(room)) = timeout(WAIT, room).await {
            return Ok(room);
        }
        let detail = "too many large requests are under way; try again later";
        Err(Problem::new(503, ErrorCode::Internal, detail).with_hint("quiltctl audit"))
    }
}

fn too_large(most: usize) -> Problem {
    let detail = format!("the body broke off, or is larger than {most} bytes");
    Problem::new(413, ErrorCode::InvalidInput, detail)
}

/// What has arrived.
struct Pieces {
    full: Vec<Bytes>,
    last: BytesMut,
    length: usize,
}

impl Pieces {
    fn expecting(bytes: usize) -> Self {
        Self {
            full: Vec::new(),
            last: BytesMut::with_capacity(bytes.min(PIECE)),
            length: 0,
        }
    }

    fn push(&mut self, mut data: &[u8]) {
        self.length += data.len();
        while !data.is_empty() {
            if self.last.len() >= PIECE {
                let full = std::mem::replace(&mut self.last, BytesMut::with_capacity(PIECE));
                self.full.push(full.freeze());
            }
            let (now, later) = data.split_at(data.len().min(PIECE - self.last.len()));
            self.last.extend_from_slice(now);
            data = later;
        }
    }

    fn finish(mut self) -> Vec<Bytes> {
        if !self.last.is_empty() {
            self.full.push(self.last.freeze());
        }
        self.full
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::{StreamExt, stream};

    use super::*;

    fn chunks(size: usize, times: usize) -> Body {
        let chunk = Bytes::from(vec![b'x'; size]);
        Body::from_stream(stream::repeat(Ok::<_, Infallible>(chunk)).take(times))
    }

    #[tokio::test]
    async fn bodies_take_up_as_much_room_as_they_are_long() {
        let bodies = RequestBodies::new();
        let free = || bodies.room.available_permits();
        let most = ROOM / 2;
        let small = bodies.take(chunks(SMALL, 1), most).await.unwrap();
        assert_eq!((small.len(), free()), (SMALL, ROOM));
        let known = Body::from(vec![b'x'; SMALL + 1]);
        let known = bodies.take(known, most).await.unwrap();
        assert_eq!((known.len(), free()), (SMALL + 1, ROOM - SMALL - 1));
        drop(known);
        let streamed = bodies.take(chunks(1000, 100), most).await.unwrap();
        assert_eq!((streamed.len(), free()), (100_000, ROOM - 100_000));
        drop(streamed);
        let refused = bodies.take(chunks(SMALL, 1000), most).await.unwrap_err();
        assert_eq!(refused.status, 413);
        let known = Body::from(vec![b'x'; 11]);
        assert_eq!(bodies.take(known, 10).await.unwrap_err().status, 413);
        assert_eq!(free(), ROOM);
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_body_waits_and_a_small_one_does_not() {
        let bodies = RequestBodies::new();
        let large = || Body::from(vec![b'x'; ROOM / 2]);
        let one = bodies.take(large(), ROOM / 2).await.unwrap();
        let _two = bodies.take(large(), ROOM / 2).await.unwrap();
        let small = bodies.take(chunks(10, 10), ROOM / 2).await.unwrap();
        assert_eq!(small.len(), 100);
        let refused = bodies.take(large(), ROOM / 2).await.unwrap_err();
        assert_eq!(refused.status, 503);
        let waiting = bodies.take(large(), ROOM / 2);
        let leaving = async {
            tokio::time::sleep(WAIT / 2).await;
            drop(one);
        };
        let (waited, ()) = tokio::join!(waiting, leaving);
        assert_eq!(waited.unwrap().len(), ROOM / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up() {
        let bodies = RequestBodies::new();
        let begun = stream::once(std::future::ready(Ok::<_, Infallible>(Bytes::from_static(
            b"x",
        ))));
        let stuck = Body::from_stream(begun.chain(stream::pending()));
        assert_eq!(bodies.take(stuck, 10).await.unwrap_err().status, 408);
    }

    /// A byte after each pause.
    fn dripping(pause: Duration, times: usize) -> Body {
        let drops = stream::repeat(()).take(times).then(move |()| async move {
            tokio::time::sleep(pause).await;
            Ok::<_, Infallible>(Bytes::from_static(b"x"))
        });
        Body::from_stream(drops)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_keeps_coming_is_taken_for_a_while_longer() {
        let bodies = RequestBodies::new();
        let short = Duration::from_millis(100);
        let taken = bodies.take(dripping(short, 600), 4000).await.unwrap();
        assert_eq!(taken.len(), 600, "in a minute");
        let long = Duration::from_secs(1);
        let refused = bodies.take(dripping(long, 60), 4000).await.unwrap_err();
        assert_eq!(refused.status, 408, "with pauses");
        let refused = bodies.take(dripping(short, 4000), 4000).await.unwrap_err();
        assert_eq!(refused.status, 408, "without an end");
    }
}
