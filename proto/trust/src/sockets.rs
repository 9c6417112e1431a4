//! Whose TCP sockets are, as far as the system tells: Linux lists them all, and
//! says of each whose it is (proc(5), /proc/net/tcp).
//!
//! Anybody on the machine can connect to a port of loopback. What listens there
//! for its user alone asks here before it answers.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};

pub use super::namespace::is_known;
pub use super::sock_diag::Diag;

/// Where Linux lists TCP sockets: those of IPv4, and those of IPv6, among
/// which are programs' that reach 127.0.0.1 through one.
pub const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];

/// Whether the system tells whose connections are.
pub fn is_told() -> bool {
    TABLES.iter().any(|table| fs::File::open(table).is_ok())
}

/// Fails where the system does not tell whose a connection on loopback is, neither
/// by its tables nor when it is asked about one. Connects to nobody.
pub fn are_known() -> io::Result<()> {
    let is_asked = || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        Ok::<_, io::Error>(Owners::of(&listener)?.0.is_some())
    };
    // Where there is no loopback, nobody connects by it.
    if is_told() || is_asked().unwrap_or(true) {
        return Ok(());
    }
    Err(io::Error::other("the system does not say so"))
}

/// The state of an established connection, and those of one whose end has
/// nothing more to say.
const ESTABLISHED: u8 = 1;
const HALF_CLOSED: [u8; 2] = [4, 5];

/// A socket, as the system describes one that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Described {
    /// Of TCP (`include/net/tcp_states.h`).
    pub state: u8,
    /// Whose it is.
    pub user: u32,
    /// Its number; one that nobody holds any more has none.
    pub inode: u64,
}

/// A line of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Whose it is.
    pub user: u32,
    /// Its number; one that nobody holds any more has none.
    pub inode: u64,
    /// Whether both ends may still speak.
    pub is_established: bool,
    /// Whether somebody holds it.
    pub is_held: bool,
}

impl Socket {
    /// One in a state of TCP, by its number there.
    pub fn new(state: u8, user: u32, inode: u64) -> Self {
        let is_established = state == ESTABLISHED;
        Self {
            user,
            inode,
            is_established,
            // Whose it was may be listed for longer: Linux 6.18 does so.
            is_held: is_established || HALF_CLOSED.contains(&state) && inode != 0,
        }
    }

    /// A line's own address, the other end's, and what it says of the socket.
    pub fn parse(line: &str) -> Option<(SocketAddrV4, SocketAddrV4, Self)> {
        let mut columns = line.split_whitespace().skip(1);
        let (from, to, state) = (columns.next()?, columns.next()?, columns.next()?);
        // Queues, timer and retransmissions stand before the user.
        let user: u32 = columns.nth(3)?.parse().ok()?;
        // A timeout stands between.
        let inode = columns.nth(1).and_then(|inode| inode.parse().ok());
        let state = u8::from_str_radix(state, 16).ok()?;
        let socket = Self::new(state, user, inode.unwrap_or_default());
        Some((address(from)?, address(to)?, socket))
    }
}

/// `0100007F:1F90`, or the same behind `0000000000000000FFFF0000`: words of an
/// address in the machine's byte order, and a port.
fn address(text: &str) -> Option<SocketAddrV4> {
    let (address, port) = text.split_once(':')?;
    let word = match address.len() {
        8 => address,
        32 => address.strip_prefix("0000000000000000FFFF0000")?,
        _ => return None,
    };
    let word = u32::from_str_radix(word, 16).ok()?;
    let port = u16::from_str_radix(port, 16).ok()?;
    Some(SocketAddrV4::new(Ipv4Addr::from(word.to_ne_bytes()), port))
}

impl From<Described> for Socket {
    fn from(found: Described) -> Self {
        Self::new(found.state, found.user, found.inode)
    }
}

/// Tells whose the connections of one listener on loopback are, one by one: by
/// the system's word on each where it gives one, since its tables grow with
/// what anybody opens.
#[derive(Debug)]
pub struct Owners(Option<Diag>);

impl Owners {
    /// Of a listener that listens.
    pub fn of(listener: &TcpListener) -> io::Result<Self> {
        Ok(Self(match listener.local_addr()? {
            SocketAddr::V4(local) => Diag::of(local),
            SocketAddr::V6(_) => None,
        }))
    }

    /// The user who holds the other end; nothing where the system does not tell.
    pub fn owner(&self, stream: &TcpStream) -> io::Result<Option<u32>> {
        let (SocketAddr::V4(local), SocketAddr::V4(peer)) =
            (stream.local_addr()?, stream.peer_addr()?)
        else {
            return Ok(None);
        };
        let found = match self.0.as_ref().map(|diag| diag.theirs(peer)) {
            Some(Ok(asked)) => asked.map(Socket::from).filter(|socket| socket.is_held),
            Some(Err(_)) | None => listed(local, peer),
        };
        Ok(found
            .map(|socket| socket.user)
            .filter(|user| is_known(*user)))
    }
}

/// The socket at `peer` of a connection to `local`, by the tables.
fn listed(local: SocketAddrV4, peer: SocketAddrV4) -> Option<Socket> {
    let mut tables = TABLES
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok());
    tables.find_map(|table| theirs(&table, local, peer))
}

/// The socket at `peer` of a connection to `local`.
fn theirs(table: &str, local: SocketAddrV4, peer: SocketAddrV4) -> Option<Socket> {
    let mut sockets = table.lines().filter_map(Socket::parse);
    let theirs = sockets.find(|(from, to, socket)| (*from, *to) == (peer, local) && socket.is_held);
    theirs.map(|(_, _, socket)| socket)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_other_end_has_an_owner_until_it_hangs_up() {
        use std::net::Shutdown;

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let local = listener.local_addr().unwrap();
        let me = rustix::process::getuid().as_raw();
        let owners = Owners::of(&listener).unwrap();
        assert!(owners.0.is_some(), "this system tells");
        // As Java does it, too.
        let mapped = format!("[::ffff:127.0.0.1]:{}", local.port());
        for address in [local.to_string(), mapped] {
            let Ok(client) = TcpStream::connect(address) else {
                continue;
            };
            let (stream, _) = listener.accept().unwrap();
            // However it is asked, it says the same.
            let owner = |stream: &TcpStream| {
                let asked = owners.owner(stream).unwrap_or_default();
                assert_eq!(asked, Owners(None).owner(stream).unwrap_or_default());
                asked
            };
            assert_eq!(owner(&stream), Some(me));
            client.shutdown(Shutdown::Write).unwrap();
            assert_eq!(owner(&stream), Some(me));
            drop(client);
            // Another test's process may hold it until it has become its program.
            let held = |owners: &Owners| owners.owner(&stream).unwrap_or_default().is_some();
            while held(&owners) || held(&Owners(None)) {
                std::thread::yield_now();
            }
        }
    }
}
