//! Connects with hyperlocal, to a socket that this user serves and nobody else.
//!
//! hyperlocal's stream does not say who is on its other side. So the directory
//! of the socket is held open and must be one in which no other user can
//! replace files; who listens is asked on a connection of its own, and the next
//! one to the same file has to have the same answer.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyperlocal::{UnixConnector, UnixStream};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, fstat, statat};
use tower_service::Service;

use crate::error::Fault;
use crate::peer_check::{self, ROOT, is_root_for_users};

/// How long to wait before asking again for a place in a full backlog.
const BACKLOG_PAUSE: Duration = Duration::from_millis(5);

/// Connects to `socket` once it is certain that this user listens there; with
/// the process that does, where the system tells.
pub(crate) async fn open(socket: &Path) -> Result<(UnixStream, Option<u32>), Fault> {
    let socket = OwnSocket::find(socket)?;
    let probe = patiently(|| tokio::net::UnixStream::connect(&socket.address)).await?;
    let peer = probe.peer_cred()?;
    let pid = peer_check::check(peer.uid(), peer.pid())?;
    let uri: hyper::Uri = hyperlocal::Uri::new(&socket.address, "/").into();
    let stream = patiently(|| UnixConnector.call(uri.clone())).await?;
    Ok((stream, pid))
}

/// Linux says so at once when the listener's backlog is full.
async fn patiently<T, F>(mut connect: impl FnMut() -> F) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    loop {
        match connect().await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                tokio::time::sleep(BACKLOG_PAUSE).await;
            }
            result => return result,
        }
    }
}

/// A socket file that only this user could have put where it is.
struct OwnSocket {
    address: PathBuf,
    // Holds the directory while `address` leads through it.
    _dir: File,
}

impl OwnSocket {
    fn find(socket: &Path) -> Result<Self, Fault> {
        let path = socket.canonicalize()?;
        let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Fault::Io(io::ErrorKind::InvalidInput.into()));
        };
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let held = OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits().cast_signed())
            .open(dir)?;
        // Not the standard library's metadata: its mode is wider than macOS has it.
        let about = fstat(&held).map_err(io::Error::from)?;
        let mode = Mode::from_raw_mode(about.st_mode);
        // In a sticky directory others cannot replace what is not theirs.
        let loose = mode.intersects(Mode::WGRP | Mode::WOTH) && !mode.contains(Mode::SVTX);
        if loose || about.st_uid != ROOT {
            check_owner(about.st_uid)?;
        }
        if loose {
            let what = "its directory is open to other users";
            let error = io::Error::new(io::ErrorKind::PermissionDenied, what);
            return Err(Fault::Io(error));
        }
        let file = statat(&held, name, AtFlags::SYMLINK_NOFOLLOW).map_err(io::Error::from)?;
        if FileType::from_raw_mode(file.st_mode) != FileType::Socket {
            return Err(Fault::Io(io::ErrorKind::ConnectionRefused.into()));
        }
        check_owner(file.st_uid)?;
        // Through the directory held open the way there cannot be changed any
        // more; it is also as short as an address must be.
        let through = Path::new("/proc/self/fd").join(held.as_raw_fd().to_string());
        let address = if through.exists() {
            through.join(name)
        } else {
            path.clone()
        };
        if address.to_str().is_none() {
            return Err(Fault::Io(io::ErrorKind::InvalidInput.into()));
        }
        Ok(Self {
            address,
            _dir: held,
        })
    }
}

/// Refuses what another user put there.
fn check_owner(uid: u32) -> Result<(), Fault> {
    let is_ours = uid == rustix::process::getuid().as_raw() && quilt_trust::knows_us();
    let allowed = is_ours || is_root_for_users(uid);
    allowed.then_some(()).ok_or(Fault::Foreign(uid))
}
