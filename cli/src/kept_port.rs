//! Keeps a port of the daemon's while nobody listens there: whoever takes it then is
//! believed by programs that know it.

use std::io;
use std::net::SocketAddrV4;

use rustix::fd::OwnedFd;
use rustix::io::ioctl_fioclex;
use rustix::net::sockopt::set_socket_reuseport;
use rustix::net::{AddressFamily, SocketType, bind, socket};

/// A socket that is bound there and accepts nothing: asking fails. The daemon can
/// listen there again, and nobody who is not this user.
pub(crate) fn keep(endpoint: SocketAddrV4) -> io::Result<OwnedFd> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    ioctl_fioclex(&socket)?;
    // The daemon's has it, too. Without it nobody else's can have the port.
    set_socket_reuseport(&socket, true)?;
    bind(&socket, &endpoint)?;
    Ok(socket)
}
