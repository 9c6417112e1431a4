//! One connection to the daemon with one deadline over everything done on it.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use quilt_proto::SocketAddress;
use rustix::fd::OwnedFd;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, connect};

use super::peer;
use crate::error::{Fault, Stopped};
use crate::stopped::{self, LOOK};

/// A connected stream whose reads and writes end at the deadline.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: UnixStream,
    deadline: Option<Instant>,
    /// The process that listens, where the system tells.
    pid: Option<u32>,
}

impl Connection {
    /// Connects and makes sure that the other side is this user.
    pub(super) fn open(path: &Path, deadline: Instant) -> Result<Self, Fault> {
        let found = SocketAddress::of(path)?;
        let address = SocketAddrUnix::new(found.path()).map_err(io::Error::from)?;
        let stream = UnixStream::from(new_socket().map_err(io::Error::from)?);
        // A full backlog makes connect wait; on Linux the send timeout bounds it.
        set_socket_timeout(&stream, Timeout::Send, Some(remaining(deadline)?))
            .map_err(io::Error::from)?;
        connect(&stream, &address).map_err(io::Error::from)?;
        let pid = peer::of_stream(&stream)?;
        Ok(Self {
            stream,
            deadline: Some(deadline),
            pid,
        })
    }

    /// The process that listens, where the system tells.
    pub(super) fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Lets reads wait for ever from now on, for streams.
    pub(super) fn lift_deadline(&mut self) -> io::Result<()> {
        self.deadline = None;
        self.stream.set_read_timeout(None)
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(deadline) = self.deadline {
                let left = remaining(deadline)?;
                self.stream.set_read_timeout(Some(left.min(LOOK)))?;
            }
            match self.stream.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Not the deadline yet: a look at whoever is to answer.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if let Some(pid) = stopped::who_is(self.pid) {
                        return Err(io::Error::other(Stopped(pid)));
                    }
                }
                result => return result,
            }
        }
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(deadline) = self.deadline {
            self.stream.set_write_timeout(Some(remaining(deadline)?))?;
        }
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// A socket that programs this one starts do not inherit.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn new_socket() -> rustix::io::Result<OwnedFd> {
    use rustix::net::{SocketFlags, socket_with};
    socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )
}

/// A socket that programs this one starts do not inherit.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn new_socket() -> rustix::io::Result<OwnedFd> {
    let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    Ok(socket)
}

/// The time left, never zero: zero would mean "for ever" to the system.
fn remaining(deadline: Instant) -> io::Result<Duration> {
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
        left => Ok(left.max(Duration::from_millis(1))),
    }
}
