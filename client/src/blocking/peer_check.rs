//! Whether this user serves a socket.

use std::io;
use std::os::unix::net::UnixStream;

use crate::error::Fault;

/// Refuses a socket that another user listens on: anybody can plant one in a
/// directory they may write to. Its process may be outside our pid namespace,
/// and without a number here: only the user counts.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn of_stream(stream: &UnixStream) -> Result<Option<u32>, Fault> {
    use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
    let peer = getsockopt(stream, PeerCredentials).map_err(io::Error::from)?;
    let pid = u32::try_from(peer.pid()).ok().filter(|pid| *pid > 0);
    if quilt_trust::is_our_peer(peer.uid(), pid) {
        Ok(pid)
    } else {
        Err(Fault::Foreign(peer.uid()))
    }
}

/// Refuses a socket that another user listens on. Root is let through: launchd
/// listens on behalf of the user's agents.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn of_stream(stream: &UnixStream) -> Result<Option<u32>, Fault> {
    let (uid, _) = nix::unistd::getpeereid(stream).map_err(io::Error::from)?;
    if uid.is_root() || uid.as_raw() == rustix::process::getuid().as_raw() {
        Ok(None)
    } else {
        Err(Fault::Foreign(uid.as_raw()))
    }
}
