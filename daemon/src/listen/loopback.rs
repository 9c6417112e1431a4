//! TCP on 127.0.0.1, for programs that only speak HTTP over TCP. Every web page
//! can make a browser connect, and other users can where the system does not
//! tell whose a connection is: nothing is trusted but a token.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::net::{TcpListener, TcpStream};

use super::owner::{Owner, Owners};
use super::{Caller, Limits, Listener, Origin, capacity};
use crate::metrics::ConnectionMeter;

/// Connections from this machine: of the daemon's own user, or of root, whom
/// nothing here could keep out. On Linux; elsewhere the system does not tell.
#[derive(Debug)]
pub struct LoopbackListener {
    listener: TcpListener,
    address: SocketAddr,
    meter: ConnectionMeter,
    /// Accepted and admitted.
    waiting: VecDeque<(TcpStream, Visitor)>,
}

/// How many connections are accepted at once. In a crowd, whose they are is
/// looked up for that many together.
const TOGETHER: usize = 64;

impl LoopbackListener {
    /// Listens on `port`; 0 takes a free one. Needs a tokio runtime.
    pub fn bind(port: u16) -> io::Result<(Self, SocketAddr)> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = TcpListener::from_std(listener)?;
        let listener = Self {
            listener,
            address,
            meter: ConnectionMeter::default(),
            waiting: VecDeque::new(),
        };
        Ok((listener, address))
    }

    /// The same, counted by `meter`.
    #[must_use]
    pub fn metered(self, meter: ConnectionMeter) -> Self {
        Self { meter, ..self }
    }

    /// What a caller of loopback may use up: less than on the control socket,
    /// because it may be anybody.
    pub fn limits() -> Limits {
        Limits {
            connections: capacity::slots(),
            header_bytes: 16 * 1024,
            headers: 64,
            body_bytes: 1024,
            first_header_time: Duration::from_secs(5),
            header_time: Duration::from_mins(1),
            request_time: Duration::from_secs(10),
            drain_time: Duration::from_secs(1),
        }
    }
}

/// The address a request came from.
#[derive(Clone, Copy, Debug)]
pub struct Visitor(pub SocketAddr);

impl Caller for Visitor {
    /// Whose connections they are is told by the grants they show.
    fn origin(&self) -> Origin {
        Origin::Unknown
    }
}

impl Listener for LoopbackListener {
    type Io = TcpStream;
    type Caller = Visitor;

    fn meter(&self) -> ConnectionMeter {
        self.meter.clone()
    }

    async fn accept(&mut self) -> io::Result<(TcpStream, Visitor)> {
        loop {
            if let Some(admitted) = self.waiting.pop_front() {
                return Ok(admitted);
            }
            let mut arrived = vec![self.listener.accept().await?];
            while arrived.len() < TOGETHER
                && let Some(Ok(more)) = self.listener.accept().now_or_never()
            {
                arrived.push(more);
            }
            let owners = Owners::default();
            for (stream, from) in arrived {
                if self.serves(from, &owners) {
                    // Answers are small; waiting for more would only delay them.
                    let _ = stream.set_nodelay(true);
                    self.waiting.push_back((stream, Visitor(from)));
                }
            }
        }
    }
}

impl LoopbackListener {
    fn serves(&self, from: SocketAddr, owners: &Owners) -> bool {
        let us = rustix::process::geteuid().as_raw();
        match owners.of(from, self.address) {
            Owner::User(user) if user == us || user == 0 => true,
            Owner::User(user) => {
                tracing::debug!(user, "hung up on another user");
                false
            }
            Owner::Gone => false,
            Owner::Unknown => from.ip().is_loopback(),
        }
    }
}

/// How many refusals get an answer with a reason and a line in the log.
#[derive(Debug)]
pub struct Throttle {
    state: Mutex<(f64, Instant)>,
}

impl Throttle {
    const BURST: f64 = 20.0;
    const PER_SECOND: f64 = 2.0;

    /// A whole burst is left.
    pub fn new() -> Self {
        Self {
            state: Mutex::new((Self::BURST, Instant::now())),
        }
    }

    /// Whether one more is within the rate.
    pub fn pass(&self) -> bool {
        let now = Instant::now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let gained = now.duration_since(state.1).as_secs_f64() * Self::PER_SECOND;
        let left = (state.0 + gained).min(Self::BURST);
        let pass = left >= 1.0;
        *state = (if pass { left - 1.0 } else { left }, now);
        pass
    }
}

impl Default for Throttle {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_beyond_a_burst_are_throttled() {
        let throttle = Throttle::new();
        let passed = (0..100).filter(|_| throttle.pass()).count();
        assert!((20..25).contains(&passed), "{passed}");
    }
}
