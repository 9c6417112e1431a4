//! Bodies of requests, bounded one by one and in sum.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use quilt_proto::{ErrorCode, Problem};
use tokio::time::{Instant, timeout_at};

use crate::body_memory::{BodyMemory, Holder, NoRoom, Place};
use crate::stack::{Payload, Permit};

/// Of the gateway: a body that needs no room of its own, in bytes. A listener has
/// so few connections that all of them may have one.
const SMALL: usize = 64 * 1024;

/// The largest there is, in bytes.
pub(super) const LARGEST: usize = 16 * 1024 * 1024;

/// The room for larger ones, in bytes: one of the largest, and half of one for
/// somebody else.
const ROOM: usize = SHARE + LARGEST / 2;
const SHARE: usize = LARGEST;

/// The room for those that say beforehand that they are no larger than this, in
/// bytes: they do not wait behind the largest.
const MIDDLE: usize = 1024 * 1024;
const MIDDLE_ROOM: usize = 8 * 1024 * 1024;
const MIDDLE_SHARE: usize = 4 * 1024 * 1024;

/// The same of the control socket. What comes there is read as JSON, which takes
/// up many times the room: hardly any needs as much as this.
const CONTROL_SMALL: usize = 4 * 1024;
const CONTROL_ROOM: usize = 16 * 1024 * 1024;
const CONTROL_SHARE: usize = 8 * 1024 * 1024;

/// How long a body waits for room; and after how many seconds to try again.
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
#[derive(Debug)]
pub(super) struct RequestBodies {
    /// What needs no room of its own.
    small: usize,
    /// What belongs to the room for those who say beforehand how long they are.
    middle: usize,
    room: Arc<BodyMemory>,
    middle_room: Arc<BodyMemory>,
}

impl RequestBodies {
    /// Of the gateway.
    pub(super) fn of_gateway() -> Self {
        Self {
            small: SMALL,
            middle: MIDDLE,
            room: BodyMemory::new(ROOM, SHARE),
            middle_room: BodyMemory::new(MIDDLE_ROOM, MIDDLE_SHARE),
        }
    }

    /// Of the control socket.
    pub(super) fn of_control() -> Self {
        let room = BodyMemory::new(CONTROL_ROOM, CONTROL_SHARE);
        Self {
            small: CONTROL_SMALL,
            middle: 0,
            middle_room: Arc::clone(&room),
            room,
        }
    }

    /// A body of up to `most` bytes, which are few.
    pub(super) async fn take_small(&self, body: Body, most: usize) -> Result<Payload, Problem> {
        let refused = std::future::ready(Err(too_large(most)));
        self.take(body, most.min(self.small), refused).await
    }

    /// A body of up to `most` bytes. Nothing of a large one is read before it is
    /// known `whose` it is, nor any of its bytes before there is room for them.
    pub(super) async fn take(
        &self,
        mut body: Body,
        most: usize,
        whose: impl Future<Output = Result<Holder, Problem>>,
    ) -> Result<Payload, Problem> {
        let told = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if told > most {
            return Err(too_large(most));
        }
        let length_at_most = body.size_hint().exact().map_or(most, |_| told);
        let mut whose = Some(whose);
        let mut place = None;
        if told > self.small
            && let Some(whose) = whose.take()
        {
            place = Some(self.enter(whose.await?, length_at_most));
        }
        let mut deadline = Instant::now() + ARRIVAL;
        let mut pieces = Pieces::expecting(told.min(self.small));
        loop {
            let patience = deadline.max((Instant::now() + PAUSE).min(deadline + LATEST));
            let frame = tokio::select! {
                biased;
                lost = lost(place.as_ref()) => return Err(no_room(lost)),
                frame = timeout_at(patience, body.frame()) => frame,
            };
            let frame = match frame {
                Ok(None) => break,
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(_))) => return Err(too_large(most)),
                Err(_) => return Err(too_slow()),
            };
            let Ok(data) = frame.into_data() else {
                continue;
            };
            let length = pieces.length + data.len();
            if length > most {
                return Err(too_large(most));
            }
            if length > self.small {
                let begun = Instant::now();
                if let Some(whose) = whose.take() {
                    place = Some(self.enter(whose.await?, length_at_most));
                }
                if let Some(place) = &place {
                    place.hold(length, WAIT).await.map_err(no_room)?;
                }
                deadline += begun.elapsed();
            }
            pieces.push(&data);
        }
        if let Some(place) = &place {
            place.arrived(pieces.length);
        }
        let permit = place.map(|place| Box::new(place) as Permit);
        Ok(Payload::new(pieces.finish(), permit))
    }

    fn enter(&self, holder: Holder, length: usize) -> Place {
        let room = if length <= self.middle {
            &self.middle_room
        } else {
            &self.room
        };
        room.enter(holder, length)
    }
}

/// Returns when a place is lost, if there is one.
async fn lost(place: Option<&Place>) -> NoRoom {
    match place {
        Some(place) => place.lost().await,
        None => std::future::pending().await,
    }
}

fn no_room(why: NoRoom) -> Problem {
    let detail = match why {
        NoRoom::TooSlow => return too_slow(),
        NoRoom::Waited => "too many large requests are under way; try again later",
        NoRoom::BeyondShare => "others wait with large requests; try again later",
    };
    Problem::new(503, ErrorCode::Busy, detail).with_hint("quiltctl audit")
}

fn too_slow() -> Problem {
    Problem::new(408, ErrorCode::InvalidInput, "the body takes too long")
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

    fn somebody() -> impl Future<Output = Result<Holder, Problem>> {
        process(1)
    }

    fn process(number: u32) -> impl Future<Output = Result<Holder, Problem>> {
        std::future::ready(Ok(Holder::Process(number)))
    }

    #[tokio::test]
    async fn bodies_take_up_as_much_room_as_they_are_long() {
        let bodies = RequestBodies::of_gateway();
        let free = || (bodies.room.free(), bodies.middle_room.free());
        let take = |body, most| bodies.take(body, most, somebody());
        let small = take(chunks(SMALL, 1), SHARE).await.unwrap();
        assert_eq!((small.len(), free()), (SMALL, (ROOM, MIDDLE_ROOM)));
        let known = take(Body::from(vec![b'x'; SMALL + 1]), SHARE)
            .await
            .unwrap();
        assert_eq!(known.len(), SMALL + 1);
        assert_eq!(free(), (ROOM, MIDDLE_ROOM - SMALL - 1));
        drop(known);
        let streamed = take(chunks(1000, 100), SHARE).await.unwrap();
        assert_eq!(streamed.len(), 100_000);
        assert_eq!(free(), (ROOM - 100_000, MIDDLE_ROOM));
        drop(streamed);
        let refused = take(chunks(SMALL, 1000), SHARE).await.unwrap_err();
        assert_eq!(refused.status, 413);
        let known = Body::from(vec![b'x'; 11]);
        assert_eq!(take(known, 10).await.unwrap_err().status, 413);
        assert_eq!(free(), (ROOM, MIDDLE_ROOM));
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_body_waits_and_others_do_not() {
        let bodies = RequestBodies::of_gateway();
        let large = || Body::from(vec![b'x'; SHARE]);
        let one = bodies.take(large(), SHARE, somebody()).await.unwrap();
        let small = bodies.take(chunks(10, 10), SHARE, somebody()).await;
        assert_eq!(small.unwrap().len(), 100);
        for size in [SMALL + 1, MIDDLE] {
            let middle = Body::from(vec![b'x'; size]);
            let middle = bodies.take(middle, SHARE, somebody()).await.unwrap();
            assert_eq!(middle.len(), size);
        }
        let of_another = Body::from(vec![b'x'; SHARE / 2]);
        let of_another = bodies.take(of_another, SHARE, process(2)).await.unwrap();
        drop(of_another);
        let refused = bodies.take(large(), SHARE, somebody()).await.unwrap_err();
        assert_eq!(refused.status, 503);
        let waiting = bodies.take(large(), SHARE, somebody());
        let leaving = async {
            tokio::time::sleep(WAIT / 2).await;
            drop(one);
        };
        let (waited, ()) = tokio::join!(waiting, leaving);
        assert_eq!(waited.unwrap().len(), SHARE);
    }

    #[tokio::test]
    async fn nothing_large_is_read_of_nobody() {
        let bodies = RequestBodies::of_gateway();
        let nobody = || std::future::ready(Err(Problem::new(401, ErrorCode::Denied, "nobody")));
        for body in [chunks(1000, 1000), Body::from(vec![b'x'; SMALL + 1])] {
            let refused = bodies.take(body, SHARE, nobody()).await.unwrap_err();
            assert_eq!(refused.status, 401);
        }
        let small = bodies.take(chunks(1000, 64), SHARE, nobody()).await;
        assert_eq!(small.unwrap().len(), 64_000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up() {
        let bodies = RequestBodies::of_gateway();
        let begun = stream::once(std::future::ready(Ok::<_, Infallible>(Bytes::from_static(
            b"x",
        ))));
        let stuck = Body::from_stream(begun.chain(stream::pending()));
        assert_eq!(
            bodies.take(stuck, 10, somebody()).await.unwrap_err().status,
            408
        );
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
        let bodies = RequestBodies::of_gateway();
        let short = Duration::from_millis(100);
        let taken = bodies
            .take(dripping(short, 600), 4000, somebody())
            .await
            .unwrap();
        assert_eq!(taken.len(), 600, "in a minute");
        let long = Duration::from_secs(1);
        let refused = bodies
            .take(dripping(long, 60), 4000, somebody())
            .await
            .unwrap_err();
        assert_eq!(refused.status, 408, "with pauses");
        let refused = bodies
            .take(dripping(short, 4000), 4000, somebody())
            .await
            .unwrap_err();
        assert_eq!(refused.status, 408, "without an end");
    }
}
