//! Whether somebody listens on a Unix socket.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use quilt_proto::SocketAddress;
use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, connect, socket};

/// What answers at a socket's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Something listens.
    Alive,
    /// The file outlived its listener.
    Stale,
}

/// Connects to `path` without waiting. Only a refused connection proves that
/// nobody listens; any other failure counts as somebody.
pub(super) fn probe(path: &Path) -> io::Result<Answer> {
    let socket: OwnedFd = socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    // A full backlog would block the connect; a busy listener is a live one.
    ioctl_fionbio(&socket, true)?;
    let address = SocketAddress::of(path)?;
    match connect(&socket, &SocketAddrUnix::new(address.path())?) {
        Err(Errno::CONNREFUSED) => Ok(Answer::Stale),
        _ => Ok(Answer::Alive),
    }
}
