//! Whose the other end of a connection over loopback is, as far as the system
//! tells: Linux says of every TCP socket whose it is, to who asks for one
//! ([`Diag`]), else in a list of all of them (proc(5), /proc/net/tcp).

use std::cell::OnceCell;
use std::collections::HashMap;
use std::net::{SocketAddr, SocketAddrV4};

pub(super) use quilt_trust::sockets::is_told;
use quilt_trust::sockets::{Diag, Socket, TABLES, is_known};

/// What is known of the other end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    #[default]
    Unknown,
}

/// What the system says of the other end of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    pub(super) owner: Owner,
    /// The socket, by its number.
    pub(super) inode: Option<u64>,
    /// It is from a list of all sockets, which may lack one in a crowd.
    pub(super) is_listed: bool,
}

/// The tables as they are when first looked at, and what is in them of one
/// listener: they are not looked at where the system tells without. Reading
/// them takes longer than anything else about a connection.
pub(super) struct Owners<'a> {
    local: SocketAddr,
    diag: Option<&'a Diag>,
    tables: [OnceCell<Option<Table>>; 2],
}

impl<'a> Owners<'a> {
    /// Of connections to `local`.
    pub(super) fn at(local: SocketAddr, diag: Option<&'a Diag>) -> Self {
        Self {
            local,
            diag,
            tables: Default::default(),
        }
    }

    /// Of a system that does not tell.
    #[cfg(test)]
    pub(super) fn none(local: SocketAddr) -> Self {
        Self {
            local,
            diag: None,
            tables: [OnceCell::from(None), OnceCell::from(None)],
        }
    }

    /// The end at `peer`, of a connection which must be older than this.
    pub(super) fn look(&self, peer: SocketAddr) -> Found {
        let SocketAddr::V4(peer) = peer else {
            return Found::default();
        };
        self.asked(peer).unwrap_or_else(|| Found {
            owner: self.listed(peer),
            inode: self.listed_inode(peer),
            is_listed: true,
        })
    }

    /// What the system tells of this one alone. In a crowd of other users' this
    /// is most of what a connection costs: no more is asked than has to be.
    fn asked(&self, peer: SocketAddrV4) -> Option<Found> {
        let diag = self.diag?;
        let theirs = diag.theirs(peer).ok()?.map(Socket::from);
        let theirs = theirs.filter(|socket| socket.is_held);
        let owner = match theirs {
            Some(socket) if is_known(socket.user) => Owner::User(socket.user),
            Some(_) => Owner::Elsewhere,
            // Our own end tells whether the other one has hung up.
            None => match diag.ours(peer).ok()?.map(Socket::from) {
                Some(ours) if ours.is_established => Owner::Elsewhere,
                _ => Owner::Gone,
            },
        };
        let inode = theirs.map(|socket| socket.inode);
        Some(Found {
            owner,
            inode: inode.filter(|inode| *inode != 0),
            is_listed: false,
        })
    }

    fn listed(&self, peer: SocketAddrV4) -> Owner {
        let mut is_open = false;
        let mut is_told = false;
        for table in self.tables() {
            is_told = true;
            match held(&table.theirs, peer).next() {
                Some(socket) if is_known(socket.user) => return Owner::User(socket.user),
                Some(_) => return Owner::Elsewhere,
                // Our own end tells whether the other one has hung up.
                None => {
                    let mut ours = table.ours.get(&peer).into_iter().flatten();
                    is_open |= ours.any(|socket| socket.is_established);
                }
            }
        }
        match (is_told, is_open) {
            (false, _) => Owner::Unknown,
            (true, false) => Owner::Gone,
            (true, true) => Owner::Elsewhere,
        }
    }

    fn listed_inode(&self, peer: SocketAddrV4) -> Option<u64> {
        self.tables().find_map(|table| {
            let mut numbers = held(&table.theirs, peer).map(|socket| socket.inode);
            numbers.find(|inode| *inode != 0)
        })
    }

    fn tables(&self) -> impl Iterator<Item = &Table> {
        let read = |path: &str| {
            let SocketAddr::V4(local) = self.local else {
                return None;
            };
            let text = std::fs::read_to_string(path).ok()?;
            Some(Table::of(&text, local))
        };
        let tables = self.tables.iter().zip(TABLES);
        tables.filter_map(move |(table, path)| table.get_or_init(|| read(path)).as_ref())
    }
}

/// What a table says of the connections of one listener, by the other end.
#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    theirs: HashMap<SocketAddrV4, Vec<Socket>>,
    ours: HashMap<SocketAddrV4, Vec<Socket>>,
}

/// The ends at `peer` that are held.
fn held(
    ends: &HashMap<SocketAddrV4, Vec<Socket>>,
    peer: SocketAddrV4,
) -> impl Iterator<Item = Socket> {
    let ends = ends.get(&peer).into_iter().flatten();
    ends.copied().filter(|socket| socket.is_held)
}

impl Table {
    /// Reads a table once, however many connections are looked up in it. Looks
    /// for the port before it reads a line: tables can be long.
    fn of(text: &str, local: SocketAddrV4) -> Self {
        let mut table = Self::default();
        let port = format!(":{:04X} ", local.port());
        for line in text.lines().filter(|line| line.contains(&port)) {
            let Some((from, to, socket)) = Socket::parse(line) else {
                continue;
            };
            if to == local {
                table.theirs.entry(from).or_default().push(socket);
            }
            if from == local {
                table.ours.entry(to).or_default().push(socket);
            }
        }
        table
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use proptest::prelude::*;

    use super::*;

    fn owner(peer: SocketAddr, local: SocketAddr) -> Owner {
        let SocketAddr::V4(address) = local else {
            panic!("{local}");
        };
        let diag = Diag::of(address);
        assert!(diag.is_some(), "this system tells");
        // However it is asked, it says the same.
        let asked = Owners::at(local, diag.as_ref()).look(peer).owner;
        assert_eq!(asked, Owners::at(local, None).look(peer).owner);
        asked
    }

    #[test]
    fn the_other_end_is_found_until_it_hangs_up() {
        let me = rustix::process::getuid().as_raw();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let local = listener.local_addr().unwrap();
        let direct = TcpStream::connect(local).unwrap();
        let (_stream, peer) = listener.accept().unwrap();
        assert_eq!(owner(peer, local), Owner::User(me));
        direct.shutdown(std::net::Shutdown::Write).unwrap();
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
            let owners = Owners {
                local: SocketAddr::V4(local),
                diag: None,
                tables: [Some(Table::of(&table, local)), None].map(OnceCell::from),
            };
            owners.look(SocketAddr::V4(peer)).owner
        };
        assert_eq!(owner("01"), Owner::Elsewhere);
        assert_eq!(owner("08"), Owner::Gone);
        assert_eq!(
            Owners::none(SocketAddr::V4(local))
                .look(SocketAddr::V4(peer))
                .owner,
            Owner::Unknown
        );
    }

    proptest! {
        #[test]
        fn no_table_confuses_it(table in "(\\PC{0,20}[ \n]){0,20}") {
            let local = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1);
            let _ = Table::of(&table, local);
        }
    }
}
