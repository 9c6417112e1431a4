//! A client without a runtime: one connection, one request, one answer.
//!
//! ```no_run
//! use quilt_client::blocking::Client;
//! use quilt_proto::api::ReadStatus;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let quilt = Client::new(quilt_proto::locations::socket()?);
//! println!("{}", quilt.send(&ReadStatus)?.version);
//! # Ok(())
//! # }
//! ```

mod connect;
mod events;
mod http;
mod names;
mod peer;

use std::io::Write;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use quilt_proto::api::{self, Endpoint, ListPackages, ReadEvents};
use quilt_proto::wire::NDJSON;
use zeroize::Zeroizing;

pub use self::events::{Event, Events};
pub use self::names::PackageNames;

use self::connect::Connection;
use crate::error::Fault;
use crate::{Error, answer};

const JSON: &str = "application/json";

/// A client of one socket and, optionally, one catalog.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
    catalog: Option<String>,
    limit: Limit,
}

/// When to give up.
#[derive(Clone, Copy, Debug)]
enum Limit {
    PerCall(Duration),
    Until(Instant),
}

/// An answer as it came, a success or a refusal. The bytes are wiped when
/// dropped.
pub struct RawAnswer {
    status: u16,
    body: Zeroizing<Vec<u8>>,
}

/// A successful answer: the body as received, and what it means. The bytes
/// are wiped when dropped.
pub struct Reply<E> {
    body: Zeroizing<Vec<u8>>,
    endpoint: PhantomData<E>,
}

impl Client {
    /// A client of the daemon on `socket`. Connects per call, not now.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self {
            socket: socket.into(),
            catalog: None,
            limit: Limit::PerCall(answer::DEFAULT_TIMEOUT),
        }
    }

    /// The same client asking about this catalog instead of the default one.
    /// The daemon checks the URL.
    #[must_use]
    pub fn with_catalog(self, catalog: impl Into<String>) -> Self {
        let catalog = Some(catalog.into());
        Self { catalog, ..self }
    }

    /// The same client giving every call this long, connecting included.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        let limit = Limit::PerCall(timeout);
        Self { limit, ..self }
    }

    /// The same client giving up at this moment, whatever it is doing.
    #[must_use]
    pub fn with_deadline(self, deadline: Instant) -> Self {
        let limit = Limit::Until(deadline);
        Self { limit, ..self }
    }

    /// The same client talking to another socket.
    #[must_use]
    pub fn at(self, socket: impl Into<PathBuf>) -> Self {
        let socket = socket.into();
        Self { socket, ..self }
    }

    /// The socket this client talks to.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Sends a request of any endpoint and waits for its answer.
    pub fn send<E: Endpoint>(&self, request: &E) -> Result<E::Answer, Error> {
        self.reply(request)?.answer()
    }

    /// Sends a request and waits for the bytes of its answer, for callers that
    /// pass them on.
    pub fn reply<E: Endpoint>(&self, request: &E) -> Result<Reply<E>, Error> {
        let answer = self.raw(request)?;
        answer.check()?;
        Ok(Reply {
            body: answer.body,
            endpoint: PhantomData,
        })
    }

    /// Sends a request and waits for its answer, be it a refusal, for callers
    /// that leave to others what it says.
    pub fn raw<E: Endpoint>(&self, request: &E) -> Result<RawAnswer, Error> {
        let (timeout, deadline) = self.limit.start();
        let target = api::target(request, self.catalog.as_deref());
        let body = api::body(request);
        let (status, body) = Connection::open(&self.socket, deadline)
            .and_then(|connection| {
                let body = body.as_ref().map(quilt_proto::Secret::expose);
                exchange(connection, E::METHOD.as_str(), &target, JSON, body)?
                    .into_body(answer::MAX_BODY)
            })
            .map_err(|fault| fault.into_error(&self.socket, timeout))?;
        Ok(RawAnswer { status, body })
    }

    /// The process that listens on the socket, by its number here, where the
    /// system tells: the daemon, or who listened on its behalf.
    pub fn listener(&self) -> Option<u32> {
        let (_, deadline) = self.limit.start();
        Connection::open(&self.socket, deadline).ok()?.pid()
    }

    /// Whether a daemon of this user listens on the socket; sends nothing.
    pub fn probe(&self) -> Result<(), Error> {
        let (timeout, deadline) = self.limit.start();
        Connection::open(&self.socket, deadline)
            .map(drop)
            .map_err(|fault| fault.into_error(&self.socket, timeout))
    }

    /// What changes in the daemon, as it happens. The time limit covers the
    /// start of the answer; after that the stream lasts as long as the daemon.
    pub fn events(&self) -> Result<Events, Error> {
        let answer = self.stream(&ReadEvents, JSON, "no stream of events")?;
        Ok(Events::new(answer, self.socket.clone()))
    }

    /// Asks for what comes bit by bit, without a time limit once it has begun.
    /// `otherwise` is said of another answer.
    fn stream<E: Endpoint>(
        &self,
        call: &E,
        accept: &str,
        otherwise: &'static str,
    ) -> Result<http::Answer<Connection>, Error> {
        let (timeout, deadline) = self.limit.start();
        let fail = |fault: Fault| fault.into_error(&self.socket, timeout);
        let target = api::target(call, self.catalog.as_deref());
        let mut answer = Connection::open(&self.socket, deadline)
            .and_then(|connection| exchange(connection, "GET", &target, accept, None))
            .map_err(fail)?;
        if answer.status() != 200 {
            let (status, body) = answer.into_body(answer::MAX_BODY).map_err(fail)?;
            answer::check(status, &body)?;
            return Err(Error::InvalidAnswer(otherwise));
        }
        let lifted = answer.source_mut().lift_deadline();
        lifted.map_err(|error| fail(error.into()))?;
        Ok(answer)
    }

    /// The names of all packages of a registry, as they are found. The time
    /// limit covers the first of them; after that the listing lasts as long as
    /// it lasts.
    pub fn packages(&self, request: &ListPackages) -> Result<PackageNames, Error> {
        let answer = self.stream(request, NDJSON, "no stream of names")?;
        Ok(PackageNames::new(answer, self.socket.clone()))
    }
}

impl RawAnswer {
    /// An answer that somebody else has received.
    pub fn new(status: u16, body: Vec<u8>) -> Self {
        let body = Zeroizing::new(body);
        Self { status, body }
    }

    /// The status (RFC 9110, section 15).
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The body as the daemon wrote it.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Fails where it is no success: as the daemon says why.
    pub fn check(&self) -> Result<(), Error> {
        answer::check(self.status, &self.body)
    }
}

impl<E: Endpoint> Reply<E> {
    /// The body as the daemon wrote it; empty where there is no answer.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The typed answer.
    pub fn answer(&self) -> Result<E::Answer, Error> {
        answer::decode::<E>(&self.body)
    }
}

impl Limit {
    /// The time a call that starts now has, and when that is over.
    fn start(self) -> (Duration, Instant) {
        let now = Instant::now();
        match self {
            Self::PerCall(timeout) => (timeout, now + timeout),
            Self::Until(deadline) => (deadline.saturating_duration_since(now), deadline),
        }
    }
}

/// Writes a request and reads the head of its answer.
fn exchange(
    mut connection: Connection,
    method: &str,
    target: &str,
    accept: &str,
    body: Option<&str>,
) -> Result<http::Answer<Connection>, Fault> {
    // Sized up front: growing would leave copies of a secret body behind.
    let body_len = body.map_or(0, str::len);
    let mut bytes = Zeroizing::new(Vec::with_capacity(target.len() + body_len + 256));
    write!(
        bytes,
        "{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Accept: {accept}\r\n"
    )?;
    if let Some(body) = body {
        write!(
            bytes,
            "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
    } else {
        bytes.extend_from_slice(b"\r\n");
    }
    connection.write_all(&bytes)?;
    http::Answer::read(connection)
}
