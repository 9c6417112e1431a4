//! In place of `sock_diag.rs`, on systems that tell nothing of a socket.

use std::io;
use std::net::SocketAddrV4;

use super::sockets::Described;

/// There is none.
#[derive(Debug)]
pub enum Diag {}

impl Diag {
    /// `None`: there is nothing to ask.
    pub fn of(_local: SocketAddrV4) -> Option<Self> {
        None
    }

    /// Never called.
    pub fn theirs(&self, _peer: SocketAddrV4) -> io::Result<Option<Described>> {
        match *self {}
    }

    /// Never called.
    pub fn ours(&self, _peer: SocketAddrV4) -> io::Result<Option<Described>> {
        match *self {}
    }
}
