//! Both ends of a connection over loopback, asked of the system one by one
//! (sock_diag(7)): as quick where there are a hundred thousand as where there
//! are two, which its tables are not.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use rustix::fd::OwnedFd;
use rustix::net::netlink::SOCK_DIAG;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};

use super::sockets::Described;

/// `SOCK_DIAG_BY_FAMILY`, `NLMSG_ERROR`, `NLM_F_REQUEST` (linux/sock_diag.h,
/// linux/netlink.h).
const BY_FAMILY: u16 = 20;
const ERROR: u16 = 2;
const REQUEST: u16 = 1;

/// `AF_INET`, which also tells of sockets of IPv6 that speak IPv4.
const INET: u8 = 2;
const TCP: u8 = 6;

/// `TCP_LISTEN`.
const LISTENING: u8 = 10;

/// `-ENOENT`.
const NOT_FOUND: i32 = -2;

/// The length of a message's head; of a request; and of what is read of an
/// answer.
const HEAD: usize = 16;
const ASKED: usize = HEAD + 56;
const ANSWERED: usize = HEAD + 72;

/// Asks the system. For the connections of one listener.
#[derive(Debug)]
pub struct Diag {
    socket: OwnedFd,
    local: SocketAddrV4,
}

impl Diag {
    /// For a listener that listens. `None` where the system does not tell: of
    /// that listener, it has to.
    pub fn of(local: SocketAddrV4) -> Option<Self> {
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            Some(SOCK_DIAG),
        );
        let diag = Self {
            socket: socket.ok()?,
            local,
        };
        let nobody = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
        let itself = diag.ask(local, nobody).ok()??;
        (itself.state == LISTENING).then_some(diag)
    }

    /// The socket at `peer` that is connected here.
    pub fn theirs(&self, peer: SocketAddrV4) -> io::Result<Option<Described>> {
        self.connected(peer, self.local)
    }

    /// Our own that is connected to the one at `peer`.
    pub fn ours(&self, peer: SocketAddrV4) -> io::Result<Option<Described>> {
        self.connected(self.local, peer)
    }

    fn connected(&self, end: SocketAddrV4, other: SocketAddrV4) -> io::Result<Option<Described>> {
        // One that listens there is not the one that is connected.
        let connected = |found: &Described| found.state != LISTENING;
        Ok(self.ask(end, other)?.filter(connected))
    }

    fn ask(&self, end: SocketAddrV4, other: SocketAddrV4) -> io::Result<Option<Described>> {
        send(&self.socket, &request(end, other), SendFlags::empty())?;
        let mut answer = [0; 1024];
        // It is there by now: the system answers who asks at once.
        let (read, _) = recv(&self.socket, &mut answer, RecvFlags::DONTWAIT)?;
        parse(&answer[..read], end)
    }
}

/// A `struct inet_diag_req_v2` (linux/inet_diag.h) in its message.
fn request(end: SocketAddrV4, other: SocketAddrV4) -> Vec<u8> {
    let mut message = Vec::with_capacity(ASKED);
    message.extend(u32::try_from(ASKED).unwrap_or_default().to_ne_bytes());
    message.extend(BY_FAMILY.to_ne_bytes());
    message.extend(REQUEST.to_ne_bytes());
    message.extend([0; 8]);
    message.extend([INET, TCP, 0, 0]);
    // In any state.
    message.extend([0xff; 4]);
    message.extend(end.port().to_be_bytes());
    message.extend(other.port().to_be_bytes());
    for address in [end, other] {
        message.extend(address.ip().octets());
        message.extend([0; 12]);
    }
    // At any interface; and whichever it is, by no cookie.
    message.extend([0; 4]);
    message.extend([0xff; 8]);
    message
}

/// A `struct inet_diag_msg` in its message; nothing where there is no such
/// socket.
fn parse(answer: &[u8], end: SocketAddrV4) -> io::Result<Option<Described>> {
    let odd = || io::Error::from(io::ErrorKind::InvalidData);
    let word = |at: usize| {
        let bytes = answer.get(at..at + 4).and_then(|it| it.try_into().ok());
        bytes.map(u32::from_ne_bytes).ok_or_else(odd)
    };
    let kind = answer.get(4..6).and_then(|it| it.try_into().ok());
    let port = answer.get(HEAD + 4..HEAD + 6);
    let is_answer = port == Some(&end.port().to_be_bytes()[..]) && answer.len() >= ANSWERED;
    match kind.map(u16::from_ne_bytes) {
        Some(ERROR) if word(HEAD)?.cast_signed() == NOT_FOUND => Ok(None),
        Some(BY_FAMILY) if is_answer => Ok(Some(Described {
            state: answer[HEAD + 1],
            user: word(HEAD + 64)?,
            inode: word(HEAD + 68)?.into(),
        })),
        _ => Err(odd()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener, TcpStream};

    use proptest::prelude::*;

    use super::*;

    fn v4(address: SocketAddr) -> SocketAddrV4 {
        let SocketAddr::V4(address) = address else {
            panic!("{address}");
        };
        address
    }

    #[test]
    fn both_ends_are_told_until_they_are_gone() {
        let me = rustix::process::getuid().as_raw();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let local = v4(listener.local_addr().unwrap());
        let diag = Diag::of(local).unwrap();
        let direct = TcpStream::connect(local).unwrap();
        let (stream, peer) = listener.accept().unwrap();
        let theirs = diag.theirs(v4(peer)).unwrap().unwrap();
        let ours = diag.ours(v4(peer)).unwrap().unwrap();
        assert_eq!((theirs.state, theirs.user), (1, me));
        assert_eq!((ours.state, ours.user), (1, me));
        assert_ne!(theirs.inode, ours.inode);
        drop(direct);
        let theirs = diag.theirs(v4(peer)).unwrap();
        assert!(theirs.is_none_or(|it| it.state != 1 && it.inode == 0));
        assert_eq!(diag.ours(v4(peer)).unwrap().unwrap().state, 8);
        drop(stream);
        // One that listens at the same place is another.
        let nobody = SocketAddrV4::new(Ipv4Addr::LOCALHOST, local.port());
        assert_eq!(diag.theirs(nobody).unwrap(), None);
        assert_eq!(diag.ours(nobody).unwrap(), None);
        // As Java does it.
        if let Ok(_mapped) = TcpStream::connect(format!("[::ffff:127.0.0.1]:{}", local.port())) {
            let (_stream, peer) = listener.accept().unwrap();
            let theirs = diag.theirs(v4(peer)).unwrap();
            assert_eq!(theirs.unwrap().user, me);
        }
    }

    #[test]
    fn where_nobody_listens_it_is_not_believed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let local = v4(listener.local_addr().unwrap());
        drop(listener);
        assert!(Diag::of(local).is_none());
    }

    proptest! {
        #[test]
        fn no_answer_confuses_it(answer in proptest::collection::vec(any::<u8>(), 0..200)) {
            let local = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1);
            let _ = parse(&answer, local);
        }
    }
}
