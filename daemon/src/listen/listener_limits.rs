//! What a caller of a listener may use up.

use std::time::Duration;

use super::descriptor_budget::{self, WaitingLimit};

/// What a caller may use up.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections held at once: for one more, another has to go.
    pub connections: usize,
    /// Connections that may wait for that.
    pub waiting: WaitingLimit,
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
    /// Whether a client that closes its half of the connection behind its
    /// request still waits for the answer, as `nc -N` does. Elsewhere it has
    /// hung up, and what was done for it is given up.
    pub half_close: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: descriptor_budget::slots(),
            waiting: WaitingLimit::Shared,
            header_bytes: 32 * 1024,
            headers: 64,
            body_bytes: 1024 * 1024,
            first_header_time: Duration::from_secs(5),
            header_time: Duration::from_secs(30),
            request_time: Duration::from_mins(2),
            drain_time: Duration::from_secs(5),
            half_close: false,
        }
    }
}
