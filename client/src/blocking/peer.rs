//! Who listens at the other end of a stream.

use std::io;
use std::os::unix::net::UnixStream;

use crate::error::Fault;
use crate::peer_check;

/// The process that listens, where the system tells, once it is certain that it
/// is this user's.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn of_stream(stream: &UnixStream) -> Result<Option<u32>, Fault> {
    use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
    let peer = getsockopt(stream, PeerCredentials).map_err(io::Error::from)?;
    peer_check::check(peer.uid(), Some(peer.pid()))
}

/// The process that listens is told by no such system.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn of_stream(stream: &UnixStream) -> Result<Option<u32>, Fault> {
    let (uid, _) = nix::unistd::getpeereid(stream).map_err(io::Error::from)?;
    peer_check::check(uid.as_raw(), None)
}
