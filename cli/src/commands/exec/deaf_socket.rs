//! A socket that hears nothing, whoever comes to hold it: a filter drops all
//! that arrives, and is locked (socket(7), `SO_LOCK_FILTER`).
//! Other systems have no such filters.
#![allow(
    unsafe_code,
    reason = "no safe library locks a filter; nothing else is in here"
)]

use std::ffi::c_int;
use std::io;

use rustix::fd::{AsRawFd, OwnedFd};

/// Has a socket hear nothing any more, for good.
pub(super) fn deafen(socket: &OwnedFd) -> io::Result<()> {
    /// "Return zero bytes of it" (`BPF_RET | BPF_K`).
    const RETURN: u16 = 0x06;

    let mut drop_all = libc::sock_filter {
        code: RETURN,
        jt: 0,
        jf: 0,
        k: 0,
    };
    let program = libc::sock_fprog {
        len: 1,
        filter: &raw mut drop_all,
    };
    set(socket, libc::SO_ATTACH_FILTER, &program)?;
    set::<c_int>(socket, libc::SO_LOCK_FILTER, &1)
}

fn set<T>(socket: &OwnedFd, option: c_int, value: &T) -> io::Result<()> {
    let size = libc::socklen_t::try_from(size_of::<T>()).unwrap_or(0);
    // SAFETY: the value is there for as long as the call takes, and so long.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            std::ptr::from_ref(value).cast(),
            size,
        )
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
    use std::time::Duration;

    use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};

    use super::*;

    fn reaches(address: SocketAddrV4) -> bool {
        TcpStream::connect_timeout(&address.into(), Duration::from_millis(200)).is_ok()
    }

    #[test]
    fn whoever_listens_on_it_hears_nobody_and_cannot_change_that() {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = getsockname(&socket).unwrap().try_into().unwrap();
        match deafen(&socket) {
            // Nobody but root may here, and the tests of root's are run as well.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return,
            done => done.unwrap(),
        }
        listen(&socket, 1).unwrap();
        assert!(!reaches(address));
        assert!(set::<c_int>(&socket, libc::SO_DETACH_FILTER, &0).is_err());
        assert!(set::<c_int>(&socket, libc::SO_LOCK_FILTER, &0).is_err());
        assert!(!reaches(address));

        let hears = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let std::net::SocketAddr::V4(address) = hears.local_addr().unwrap() else {
            panic!("of another kind");
        };
        assert!(reaches(address));
    }
}
