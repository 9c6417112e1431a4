//! Keeps the endpoint's port for the program, for as long as it runs.
//!
//! The program asks there until it ends; the daemon may end before. Whoever
//! takes the port then is believed, and another user would hand the program
//! credentials of their own, to work for them. With a socket that is bound there,
//! asking fails instead.
//!
//! Every program below inherits it, those of other users included, who could
//! listen on it beside the daemon. So it is deaf.

use std::io;
use std::mem::forget;
use std::net::SocketAddrV4;

use rustix::fd::OwnedFd;
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};

use crate::kept_port;

#[cfg(target_os = "linux")]
use super::deaf_socket::deafen;

/// Above the descriptors that scripts choose for themselves.
const OUT_OF_THE_WAY: i32 = 100;

/// Keeps it until this process ends, whatever program it becomes meanwhile.
pub(super) fn keep(endpoint: SocketAddrV4) -> io::Result<()> {
    let socket = kept_port::keep(endpoint)?;
    // Some systems let only root have filters, who is also the one that starts
    // programs of other users below.
    #[cfg(target_os = "linux")]
    match deafen(&socket) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
        done => done?,
    }
    let socket = out_of_the_way(socket);
    fcntl_setfd(&socket, FdFlags::empty())?;
    // The system closes it.
    forget(socket);
    Ok(())
}

fn out_of_the_way(socket: OwnedFd) -> OwnedFd {
    // Where few may be open, it stays where it is.
    fcntl_dupfd_cloexec(&socket, OUT_OF_THE_WAY).unwrap_or(socket)
}
