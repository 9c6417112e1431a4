//! TCP on 127.0.0.1, for programs that only speak HTTP over TCP. Every web page
//! can make a browser connect, and other users can where the system does not
//! tell whose a connection is: nothing is trusted but a token.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use quilt_trust::sockets::Diag;
use rustix::io::ioctl_fioclex;
use rustix::net::sockopt::set_socket_reuseport;
use rustix::net::{AddressFamily, SocketType, bind, socket};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

use super::loopback_admission::{UnknownOwner, admit};
use super::loopback_process::{self, Program};
use super::owner::{self, Owners};
use super::{Caller, Limits, Listener, Origin, descriptor_budget};

/// Connections from this machine: of the daemon's own user, or of root, whom
/// nothing here could keep out. Other users' are hung up on before they cost
/// anything. Where the system does not tell whose they are, each listener says
/// what becomes of them.
#[derive(Debug)]
pub struct LoopbackListener {
    /// Connections are known to the runtime once they are admitted: for one of
    /// another user that would be most of the work.
    listener: AsyncFd<TcpListener>,
    address: SocketAddr,
    unknown: UnknownOwner,
    /// Tells whose connections are, where the system has it.
    diag: Option<Diag>,
    /// Accepted and admitted.
    waiting: VecDeque<(TcpStream, LoopbackPeer)>,
}

/// Whether the system tells whose connections over loopback are.
pub fn owners_are_told() -> bool {
    owner::is_told()
}

/// Connections that may wait to be accepted, as many as the system lets
/// (`net.core.somaxconn`). Beyond them it takes no note of who comes next, whose
/// own system tries again after a second, and then ever more rarely.
const BACKLOG: i32 = 4096;

/// How many connections are accepted at once, where descriptors are plenty. In a
/// crowd, whose they are is looked up for that many together, where the system
/// lists them all or none.
const TOGETHER: usize = 512;

/// The same, where it tells of one at a time: after so many, whoever was let in
/// before is served.
const TOLD_TOGETHER: usize = 128;

/// How long somebody on this machine who listens may take to be connected to.
const LISTENS: Duration = Duration::from_secs(1);

impl LoopbackListener {
    /// Listens on `port`; 0 takes a free one. Needs a tokio runtime.
    pub fn bind(port: u16, unknown: UnknownOwner) -> io::Result<(Self, SocketAddr)> {
        let listener = match port {
            0 => TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?,
            known => bind_known(known)?,
        };
        // Who is told of it may keep it to themselves, so that no other user answers
        // there when this program has ended.
        set_socket_reuseport(&listener, true)?;
        rustix::net::listen(&listener, BACKLOG)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let diag = match address {
            SocketAddr::V4(address) => Diag::of(address),
            SocketAddr::V6(_) => None,
        };
        #[expect(
            deprecated,
            reason = "its successor is unsafe; an owned listener stays open and the same"
        )]
        let listener = AsyncFd::with_interest(listener, Interest::READABLE)?;
        let listener = Self {
            listener,
            address,
            unknown,
            diag,
            waiting: VecDeque::new(),
        };
        Ok((listener, address))
    }

    /// What a caller of loopback may use up: less than on the control socket,
    /// because it may be anybody.
    pub fn limits() -> Limits {
        Limits {
            header_bytes: 16 * 1024,
            body_bytes: 1024,
            header_time: Duration::from_mins(1),
            request_time: Duration::from_secs(10),
            drain_time: Duration::from_secs(1),
            half_close: true,
            ..Limits::default()
        }
    }
}

/// A socket at a port that programs know. With `SO_REUSEADDR`, as usual, another user
/// could have bound it as well, to listen there once this one has ended; with
/// `SO_REUSEPORT` alone only a program of this user's can, which keeps the port for the
/// daemon, and connections of the daemon before do not stand in the way.
fn bind_known(port: u16) -> io::Result<TcpListener> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    ioctl_fioclex(&socket)?;
    let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
    if bind(&socket, &address).is_ok() {
        return Ok(socket.into());
    }
    set_socket_reuseport(&socket, true)?;
    bind(&socket, &address)?;
    // With another that listens there, whoever comes would be this one's or that one's.
    match std::net::TcpStream::connect_timeout(&address.into(), LISTENS) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(socket.into()),
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

/// Who a request came from.
#[derive(Clone, Debug)]
pub struct LoopbackPeer {
    /// The number of the socket at the other end.
    inode: Option<u64>,
    /// Looked up once a connection.
    program: Arc<OnceCell<Option<Program>>>,
}

impl LoopbackPeer {
    /// The process that connected, while the connection is open. `None` where
    /// the system does not tell, or not in time.
    pub async fn program(&self) -> Option<Program> {
        let inode = self.inode?;
        let look = async || loopback_process::holding(inode).await.ok_or(());
        self.program.get_or_try_init(look).await.ok()?.clone()
    }
}

impl Caller for LoopbackPeer {
    /// Whose connections they are is told by the grants they show.
    fn origin(&self) -> Origin {
        Origin::Unknown
    }
}

impl Listener for LoopbackListener {
    type Io = TcpStream;
    type Caller = LoopbackPeer;

    async fn accept(&mut self) -> io::Result<(TcpStream, LoopbackPeer)> {
        loop {
            if let Some(admitted) = self.waiting.pop_front() {
                return Ok(admitted);
            }
            self.take_in().await?;
            if self.waiting.is_empty() {
                // However many of other users come, who was admitted before is
                // served between them.
                tokio::task::yield_now().await;
            }
        }
    }
}

impl LoopbackListener {
    /// Accepts those that are there, and keeps whom to serve.
    async fn take_in(&mut self) -> io::Result<()> {
        let accept = |listener: &TcpListener| listener.accept();
        let first = self.listener.async_io(Interest::READABLE, accept).await?;
        let diag = self.diag.as_ref();
        let most = diag.map_or(TOGETHER, |_| TOLD_TOGETHER);
        let most = most.min(descriptor_budget::slots());
        let mut arrived = vec![first];
        while arrived.len() < most
            && let Ok(more) = self.listener.get_ref().accept()
        {
            arrived.push(more);
        }
        // In a crowd, the system may pass over a line while it lists them: who is
        // not in the list is looked for once more.
        let looks = [(); 2].map(|()| Owners::at(self.address, diag));
        for (stream, from) in arrived {
            if let Some((stream, inode)) = admit(&self.unknown, stream, from, &looks) {
                // Answers are small; waiting for more would only delay them.
                let _ = stream.set_nodelay(true);
                let program = Arc::default();
                let peer = LoopbackPeer { inode, program };
                self.waiting.push_back((stream, peer));
            }
        }
        Ok(())
    }
}
