//! Who is on the other end, as the kernel says.

use std::future::poll_fn;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use rustix::process::geteuid;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use super::ancestry::requested_by;
use super::tracked::Stream;
use super::{Caller, ControlSocket, Listener, Origin, Program, SocketLock};

/// Connections that may wait to be accepted. They are at once, so few do but in
/// a storm, where whoever comes next stands behind all of them; programs that do
/// not wait to connect fail beyond it.
const BACKLOG: i32 = 1024;

/// The process that connected, as of the moment it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its effective user.
    pub uid: u32,
    /// Its process, where the system tells. It may have ended since, and its
    /// number may be another's: good for the audit log and for sharing slots,
    /// not for whom to serve.
    pub pid: Option<u32>,
    /// The program that wanted what it asks for, once it has asked.
    requested_by: Arc<OnceLock<Option<Program>>>,
}

impl Peer {
    /// The peer of a connection.
    pub fn of(stream: &UnixStream) -> io::Result<Self> {
        let credentials = stream.peer_cred()?;
        Ok(Self {
            uid: credentials.uid(),
            requested_by: Arc::default(),
            // 0 is a process outside our pid namespace.
            pid: credentials
                .pid()
                .and_then(|pid| u32::try_from(pid).ok())
                .filter(|pid| *pid != 0),
        })
    }

    /// Whether the daemon of user `daemon` serves this peer: only its own user,
    /// not even root.
    pub fn is_served_by(&self, daemon: u32) -> bool {
        self.uid == daemon
    }

    /// The program that wanted what the peer asks for, as of its first request:
    /// itself, or the one that called `quiltctl`. `None` before that, where the
    /// system does not tell, or it had hung up by then.
    pub fn requested_by(&self) -> Option<&Program> {
        self.requested_by.get()?.as_ref()
    }
}

impl Caller for Peer {
    fn origin(&self) -> Origin {
        self.pid.map_or(Origin::Unknown, Origin::Process)
    }

    fn speaks(&self, io: &impl Stream) {
        self.requested_by.get_or_init(|| {
            // The number is this process's for as long as its end of the
            // connection is open: what was read before is void where it is not.
            let found = self
                .pid
                .and_then(|pid| requested_by(Path::new("/proc"), pid));
            found.filter(|_| io.is_open())
        });
    }
}

/// The control socket, serving one user: anyone else is hung up on before a
/// byte is read.
#[derive(Debug)]
pub struct PeerListener {
    listening: Vec<Listening>,
    /// Places that are there again.
    again: Option<mpsc::UnboundedReceiver<(ControlSocket, SocketLock)>>,
    uid: u32,
}

#[derive(Debug)]
struct Listening {
    listener: UnixListener,
    // Removes the file when dropped.
    _socket: ControlSocket,
    _lock: Option<SocketLock>,
}

impl Listening {
    fn on(socket: ControlSocket, lock: Option<SocketLock>) -> io::Result<Self> {
        let listener = socket.listener().try_clone()?;
        rustix::net::listen(&listener, BACKLOG)?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener: UnixListener::from_std(listener)?,
            _socket: socket,
            _lock: lock,
        })
    }
}

impl PeerListener {
    /// Accepts on `socket`, on another one where there is any, and on every one
    /// that arrives later, from the daemon's own effective user. Needs a tokio
    /// runtime.
    pub fn new(
        socket: ControlSocket,
        also: Option<ControlSocket>,
        again: mpsc::UnboundedReceiver<(ControlSocket, SocketLock)>,
    ) -> io::Result<Self> {
        let sockets = [socket].into_iter().chain(also);
        let listening = sockets.map(|socket| Listening::on(socket, None));
        Ok(Self {
            listening: listening.collect::<io::Result<_>>()?,
            again: Some(again),
            uid: geteuid().as_raw(),
        })
    }

    fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<io::Result<UnixStream>> {
        while let Some(again) = &mut self.again {
            match again.poll_recv(context) {
                Poll::Ready(Some((socket, lock))) => {
                    self.listening.push(Listening::on(socket, Some(lock))?);
                }
                Poll::Ready(None) => self.again = None,
                Poll::Pending => break,
            }
        }
        for at in 0..self.listening.len() {
            if let Poll::Ready(accepted) = self.listening[at].listener.poll_accept(context) {
                // Whoever comes next by another way is next.
                self.listening.rotate_left(at + 1);
                return Poll::Ready(accepted.map(|(stream, _)| stream));
            }
        }
        Poll::Pending
    }
}

impl Listener for PeerListener {
    type Io = UnixStream;
    type Caller = Peer;

    async fn accept(&mut self) -> io::Result<(UnixStream, Peer)> {
        loop {
            let stream = poll_fn(|context| self.poll_accept(context)).await?;
            match Peer::of(&stream) {
                Ok(peer) if peer.is_served_by(self.uid) => return Ok((stream, peer)),
                Ok(peer) => tracing::warn!(
                    uid = peer.uid,
                    pid = peer.pid,
                    "refused a connection of another user"
                ),
                Err(error) => tracing::warn!(%error, "refused a connection of unknown origin"),
            }
        }
    }
}

#[cfg(test)]
mod tests;
