//! Whose the other end of a connection over loopback is, as far as the system
//! tells: Linux lists every TCP socket with its user (proc(5), /proc/net/tcp).

use std::cell::OnceCell;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

/// What is known of the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// The socket is this user's.
    User(u32),
    /// There is no such connection any more.
    Gone,
    /// The connection is open, but its other end is outside of what the system
    /// lists, as that of another container or virtual machine, or belongs to a
    /// user whom this container does not know.
    Elsewhere,
    /// The system has no such list.
    Unknown,
}

/// Where Linux lists TCP sockets: those of IPv4, and those of IPv6, among
/// which are programs' that reach 127.0.0.1 through one.
const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];

/// Which users a container knows, and the user in whose name it sees others.
const USERS: &str = "/proc/self/uid_map";
const NOBODY: &str = "/proc/sys/kernel/overflowuid";

/// Whether the system tells whose connections are.
pub(super) fn is_told() -> bool {
    TABLES
        .iter()
        .any(|table| std::fs::File::open(table).is_ok())
}

/// The state of an established connection, and those of one whose end has
/// nothing more to say.
const ESTABLISHED: &str = "01";
const HALF_CLOSED: [&str; 2] = ["04", "05"];

/// The tables as they are when first looked at. Reading them takes the system
/// longer than anything else about a connection.
#[derive(Default)]
pub(super) struct Owners([OnceCell<Option<String>>; 2]);

impl Owners {
    /// Of a system that does not tell.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self([OnceCell::from(None), OnceCell::from(None)])
    }

    /// The owner of the end at `peer` of a connection to `local`, which must
    /// be older than this.
    pub(super) fn of(&self, peer: SocketAddr, local: SocketAddr) -> Owner {
        let (SocketAddr::V4(peer), SocketAddr::V4(local)) = (peer, local) else {
            return Owner::Unknown;
        };
        let mut is_open = false;
        let mut is_told = false;
        for text in self.tables() {
            is_told = true;
            match find(text, peer, local) {
                Some(user) if is_known(user) => return Owner::User(user),
                Some(_) => return Owner::Elsewhere,
                // Our own end tells whether the other one has hung up.
                None => is_open |= is_established(text, local, peer),
            }
        }
        match (is_told, is_open) {
            (false, _) => Owner::Unknown,
            (true, false) => Owner::Gone,
            (true, true) => Owner::Elsewhere,
        }
    }

    /// The socket at `peer` of a connection to `local`, by its number.
    pub(super) fn inode(&self, peer: SocketAddr, local: SocketAddr) -> Option<u64> {
        let (SocketAddr::V4(peer), SocketAddr::V4(local)) = (peer, local) else {
            return None;
        };
        self.tables().find_map(|text| {
            let mut held = sockets(text, peer, local).filter(Socket::is_held);
            held.find_map(|socket| Some(socket.inode).filter(|inode| *inode != 0))
        })
    }

    fn tables(&self) -> impl Iterator<Item = &str> {
        self.0.iter().zip(TABLES).filter_map(|(table, path)| {
            let read = || std::fs::read_to_string(path).ok();
            table.get_or_init(read).as_deref()
        })
    }
}

/// Whether a user is one and not the name for all whom a container does not
/// know (user_namespaces(7)).
fn is_known(user: u32) -> bool {
    let number = |text: &str| text.trim().parse::<u32>().ok();
    let nobody = std::fs::read_to_string(NOBODY).ok();
    if nobody.and_then(|text| number(&text)) != Some(user) {
        return true;
    }
    std::fs::read_to_string(USERS).is_ok_and(|map| is_mapped(&map, user))
}

/// Whether a user is in a `uid_map`: first here, first outside, how many.
fn is_mapped(map: &str, user: u32) -> bool {
    map.lines().any(|line| {
        let mut columns = line.split_whitespace().map(str::parse::<u32>);
        let (Some(Ok(first)), Some(Ok(_)), Some(Ok(count))) =
            (columns.next(), columns.next(), columns.next())
        else {
            return false;
        };
        user >= first && user - first < count
    })
}

/// The user of an end that is held.
fn find(table: &str, end: SocketAddrV4, other: SocketAddrV4) -> Option<u32> {
    let mut sockets = sockets(table, end, other);
    sockets.find_map(|socket| socket.is_held().then_some(socket.user))
}

fn is_established(table: &str, end: SocketAddrV4, other: SocketAddrV4) -> bool {
    sockets(table, end, other).any(|socket| socket.state == ESTABLISHED)
}

/// A line of a table.
struct Socket<'a> {
    state: &'a str,
    user: u32,
    /// Its number; one that nobody holds any more has none.
    inode: u64,
}

impl Socket<'_> {
    /// A socket nobody holds any more can be listed as root's.
    fn is_held(&self) -> bool {
        self.state == ESTABLISHED || HALF_CLOSED.contains(&self.state) && self.user != 0
    }
}

/// The sockets at `end` that are connected to `other`. Looks
/// for the address before it reads a line: tables can be long, and this is
/// done for every connection.
fn sockets(
    table: &str,
    end: SocketAddrV4,
    other: SocketAddrV4,
) -> impl Iterator<Item = Socket<'_>> {
    let word = u32::from_ne_bytes(end.ip().octets());
    let wanted = format!("{word:08X}:{:04X} ", end.port());
    let found: Vec<usize> = table.match_indices(&wanted).map(|(at, _)| at).collect();
    found.into_iter().filter_map(move |found| {
        let start = table[..found].rfind('\n')? + 1;
        let line = table[start..].split('\n').next()?;
        let mut columns = line.split_whitespace().skip(1);
        let (from, to, state) = (columns.next()?, columns.next()?, columns.next()?);
        if address(from)? != end || address(to)? != other {
            return None;
        }
        // Queues, timer and retransmissions stand before the user.
        let user: u32 = columns.nth(3)?.parse().ok()?;
        // A timeout stands between.
        let inode = columns.nth(1).and_then(|inode| inode.parse().ok());
        let inode = inode.unwrap_or_default();
        Some(Socket { state, user, inode })
    })
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use proptest::prelude::*;

    use super::*;

    fn owner(peer: SocketAddr, local: SocketAddr) -> Owner {
        Owners::default().of(peer, local)
    }

    #[test]
    fn the_other_end_is_found_until_it_hangs_up() {
        let me = rustix::process::getuid().as_raw();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let local = listener.local_addr().unwrap();
        let direct = TcpStream::connect(local).unwrap();
        let (_stream, peer) = listener.accept().unwrap();
        assert_eq!(owner(peer, local), Owner::User(me));
        drop(direct);
        assert_eq!(owner(peer, local), Owner::Gone);
        // As Java does it.
        let mapped = format!("[::ffff:127.0.0.1]:{}", local.port());
        if let Ok(_mapped) = TcpStream::connect(mapped) {
            let (_stream, peer) = listener.accept().unwrap();
            assert_eq!(owner(peer, local), Owner::User(me));
        }
    }

    #[test]
    fn an_end_that_is_not_listed_is_of_elsewhere_while_it_is_open() {
        let (peer, local) = (
            SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1),
            SocketAddrV4::new(Ipv4Addr::LOCALHOST, 2),
        );
        let owner = |state: &str| {
            let table = format!(
                "  sl  local_address rem_address   st\n   0: 0100007F:0002 0100007F:0001 {state} \
                 00000000:00000000 00:00000000 00000000  1000        0 1 1 0 20 4 30 10 -1\n"
            );
            let table = if cfg!(target_endian = "big") {
                table.replace("0100007F", "7F000001")
            } else {
                table
            };
            let known = |text: Option<String>| OnceCell::from(text);
            let owners = Owners([known(Some(table)), known(None)]);
            owners.of(SocketAddr::V4(peer), SocketAddr::V4(local))
        };
        assert_eq!(owner("01"), Owner::Elsewhere);
        assert_eq!(owner("08"), Owner::Gone);
        assert_eq!(
            Owners::none().of(SocketAddr::V4(peer), SocketAddr::V4(local)),
            Owner::Unknown
        );
    }

    #[test]
    fn a_container_knows_the_users_it_maps() {
        let all = "         0          0 4294967295\n";
        assert!(is_mapped(all, 65_534));
        let some = "      1000       1000          1\n     65534 70000 1\n";
        assert!(is_mapped(some, 1000) && is_mapped(some, 65_534));
        for (map, user) in [(some, 1001), (some, 999), ("", 0), ("nonsense", 0)] {
            assert!(!is_mapped(map, user), "{map} {user}");
        }
    }

    proptest! {
        #[test]
        fn no_table_confuses_it(table in "(\\PC{0,20}[ \n]){0,20}") {
            let local = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1);
            let _ = find(&table, local, local);
        }
    }
}
