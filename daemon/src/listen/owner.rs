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
    /// The system does not tell.
    Unknown,
}

/// Where Linux lists TCP sockets: those of IPv4, and those of IPv6, among
/// which are programs' that reach 127.0.0.1 through one.
const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];

/// The state of an established connection, and those of one whose end has
/// nothing more to say.
const ESTABLISHED: &str = "01";
const HALF_CLOSED: [&str; 2] = ["04", "05"];

/// The tables as they are when first looked at. Reading them takes the system
/// longer than anything else about a connection.
#[derive(Default)]
pub(super) struct Owners([OnceCell<Option<String>>; 2]);

impl Owners {
    /// The owner of the end at `peer` of a connection to `local`, which must
    /// be older than this.
    pub(super) fn of(&self, peer: SocketAddr, local: SocketAddr) -> Owner {
        let (SocketAddr::V4(peer), SocketAddr::V4(local)) = (peer, local) else {
            return Owner::Unknown;
        };
        let mut answer = Owner::Unknown;
        for text in self.tables() {
            match find(text, peer, local) {
                Some(user) => return Owner::User(user),
                None => answer = Owner::Gone,
            }
        }
        answer
    }

    /// The socket at `peer` of a connection to `local`, by its number.
    pub(super) fn inode(&self, peer: SocketAddr, local: SocketAddr) -> Option<u64> {
        let (SocketAddr::V4(peer), SocketAddr::V4(local)) = (peer, local) else {
            return None;
        };
        self.tables().find_map(|text| {
            let (_, inode) = row(text, peer, local)?;
            // One that nobody holds any more has none.
            Some(inode).filter(|inode| *inode != 0)
        })
    }

    fn tables(&self) -> impl Iterator<Item = &str> {
        self.0.iter().zip(TABLES).filter_map(|(table, path)| {
            let read = || std::fs::read_to_string(path).ok();
            table.get_or_init(read).as_deref()
        })
    }
}

fn find(table: &str, peer: SocketAddrV4, local: SocketAddrV4) -> Option<u32> {
    row(table, peer, local).map(|(user, _)| user)
}

/// The user and the number of a socket that is held. Looks for the address
/// before it reads a line: tables can be long, and this is done for every
/// connection.
fn row(table: &str, peer: SocketAddrV4, local: SocketAddrV4) -> Option<(u32, u64)> {
    let word = u32::from_ne_bytes(peer.ip().octets());
    let wanted = format!("{word:08X}:{:04X} ", peer.port());
    table.match_indices(&wanted).find_map(|(found, _)| {
        let (before, after) = table.split_at(found);
        let (_, before) = before.rsplit_once('\n')?;
        let rest = after.split('\n').next().unwrap_or_default();
        let line = [before, rest].concat();
        let mut columns = line.split_whitespace().skip(1);
        let (from, to, state) = (columns.next()?, columns.next()?, columns.next()?);
        if address(from)? != peer || address(to)? != local {
            return None;
        }
        // Queues, timer and retransmissions stand before the user.
        let user: u32 = columns.nth(3)?.parse().ok()?;
        // A socket nobody holds any more can be listed as root's.
        let is_held = state == ESTABLISHED || HALF_CLOSED.contains(&state) && user != 0;
        // A timeout stands between.
        let inode = columns.nth(1).and_then(|inode| inode.parse().ok());
        is_held.then_some((user, inode.unwrap_or_default()))
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

    proptest! {
        #[test]
        fn no_table_confuses_it(table in "(\\PC{0,20}[ \n]){0,20}") {
            let local = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1);
            let _ = find(&table, local, local);
        }
    }
}
