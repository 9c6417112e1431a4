//! The bus of the user's session, and whose it is: looked at before anything
//! goes there.
//!
//! D-Bus tells a bus who its clients are, and the clients nothing. Its address
//! outlives it, in the environment of whoever was started there: what listens
//! at an abstract address now, or in a directory for all, may be anybody's. It
//! would be given tokens to keep, and could give those of somebody else.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use quilt_trust::Distrust;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use rustix::process::getuid;
use zbus::Address;
use zbus::address::Transport;
use zbus::address::transport::UnixSocket;

/// Why there is no bus to be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoBus {
    /// Nobody says where it is, or nothing listens there.
    #[error("no session bus")]
    Absent,
    /// Who listens is somebody else.
    #[error("the session bus belongs to another user (uid {0})")]
    Foreign(u32),
    /// Whose it is may be another's at the next look.
    #[error("the session bus is where other users could put another: {0}")]
    Exposed(Distrust),
    /// Whoever has the port may listen.
    #[error("the session bus is at an address of which the system does not tell whose it is")]
    Untold,
}

/// Whether anybody says where a session bus is: it may come, or come back.
pub(super) fn is_named() -> bool {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(address) = set("DBUS_SESSION_BUS_ADDRESS") {
        // It would start a bus that nobody ends.
        return !address.to_string_lossy().contains("autolaunch");
    }
    set("XDG_RUNTIME_DIR").is_some_and(|dir| Path::new(&dir).join("bus").exists())
}

/// Passes if a session bus is there that is this user's, or root's. Starts none,
/// and waits for none.
pub(crate) fn check() -> Result<(), NoBus> {
    if !is_named() {
        return Err(NoBus::Absent);
    }
    let address = Address::session().map_err(|_| NoBus::Absent)?;
    let owner = match address.transport() {
        Transport::Unix(unix) => owner(unix.path()).map_err(|_| NoBus::Absent)?,
        _ => return Err(NoBus::Untold),
    };
    if owner != 0 && owner != getuid().as_raw() {
        return Err(NoBus::Foreign(owner));
    }
    // Who uses the bus connects to it once more: nobody else may have put it there.
    if let Transport::Unix(unix) = address.transport()
        && let UnixSocket::File(path) = unix.path()
    {
        quilt_trust::locate_special(path).map_err(NoBus::Exposed)?;
    }
    Ok(())
}

/// The user who listens.
fn owner(socket: &UnixSocket) -> io::Result<u32> {
    let address = match socket {
        UnixSocket::File(path) => SocketAddrUnix::new(path)?,
        UnixSocket::Abstract(name) => SocketAddrUnix::new_abstract_name(name.as_encoded_bytes())?,
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    };
    // Whoever lets callers wait is not waited for.
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket: OwnedFd = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &address)?;
    Ok(getsockopt(&socket, PeerCredentials)?.uid())
}
