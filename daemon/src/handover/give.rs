//! The side that has the keys: it listens, looks at who comes, and gives them
//! to one.

use quilt_trust::inode;
use std::fmt;
use std::fs::{self, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use quilt_proto::{SocketAddress, state_files};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::socket_peercred;
use rustix::process::{Pid, PidfdFlags, geteuid, pidfd_open};

use super::message::{GREETING, KEPT, MOVE, Message};
use super::peer_check::{Expected, protected, unfit};
use super::{HandoverError, HandoverKey};

/// How often to look whether the offer still stands.
const LOOK: Duration = Duration::from_millis(100);

/// Keys for whoever follows, offered at a socket.
pub struct Offer {
    socket: Socket,
    expected: Expected,
    keys: Vec<HandoverKey>,
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Offer").field(&self.socket.path).finish()
    }
}

impl Offer {
    /// Offers keys at `path`; an offer that was there before ends. `program`
    /// is where the daemon was started from.
    pub fn make(
        path: &Path,
        keys: Vec<HandoverKey>,
        program: Option<&Path>,
    ) -> Result<Self, HandoverError> {
        Ok(Self {
            socket: Socket::bind(path.to_owned())?,
            expected: Expected::at(program),
            keys,
        })
    }

    /// Gives the keys to the first that is fit, and returns once it has them.
    pub fn serve(self, timeout: Duration) -> Result<(), HandoverError> {
        let until = Instant::now() + timeout;
        let mut last = HandoverError::Nobody;
        while let Some(visitor) = self.socket.accept(until)? {
            match self.give(visitor) {
                Ok(()) => return Ok(()),
                Err(error) => {
                    tracing::warn!("not fit for API keys: {error}");
                    last = error;
                }
            }
        }
        Err(last)
    }

    fn give(&self, mut visitor: UnixStream) -> Result<(), HandoverError> {
        let visitor_pid = pid_of(&visitor)?;
        let fits = Pid::from_raw(visitor_pid.cast_signed());
        let gone = || unfit(visitor_pid, "is gone");
        // Its number is no other's while this is open and it runs.
        let process = pidfd_open(fits.ok_or_else(gone)?, PidfdFlags::empty());
        let process = process.map_err(|_| gone())?;
        self.expected.check(visitor_pid)?;
        // The process that was looked at is the one that connects to what was
        // not there before: no descriptor that it had shared leads there.
        let place = Socket::bind(beside(&self.socket.path)?)?;
        visitor
            .set_write_timeout(Some(MOVE))
            .map_err(HandoverError::io("cannot speak to the successor"))?;
        let name = place.path.file_name().unwrap_or_default();
        writeln!(visitor, "{GREETING} {}", name.display())
            .map_err(HandoverError::io("cannot speak to the successor"))?;
        let until = Instant::now() + MOVE;
        loop {
            let look = until.min(Instant::now() + LOOK);
            let Some(stream) = place.accept(look)? else {
                // Whoever is slow is waited for, but nobody who is gone.
                if has_ended(&process) {
                    return Err(gone());
                }
                if Instant::now() >= until {
                    return Err(HandoverError::Nobody);
                }
                continue;
            };
            if pid_of(&stream)? == visitor_pid {
                protected(visitor_pid)?;
                if has_ended(&process) {
                    return Err(gone());
                }
                return self.hand_over(stream);
            }
        }
    }

    fn hand_over(&self, mut stream: UnixStream) -> Result<(), HandoverError> {
        let message = Message::encode(self.expected.place(), &self.keys);
        let handed = message.and_then(|message| {
            stream.set_write_timeout(Some(MOVE))?;
            // A daemon says so once it serves, which takes longer than a move.
            stream.set_read_timeout(Some(super::OFFER))?;
            stream.write_all(&message)?;
            stream.shutdown(Shutdown::Write)?;
            let mut said = String::new();
            BufReader::new(stream.take(64)).read_line(&mut said)?;
            Ok(said)
        });
        match handed.map_err(HandoverError::io("cannot hand the API keys over"))? {
            said if said.trim() == KEPT => Ok(()),
            _ => {
                let what = "the successor ended before it used the API keys";
                Err(HandoverError::Unfit(what.to_owned()))
            }
        }
    }
}

/// The process at the other end, where it is this user's and can be named.
pub(super) fn pid_of(stream: &UnixStream) -> Result<u32, HandoverError> {
    let unknown = || HandoverError::Unfit("who connects cannot be told".to_owned());
    // One of another PID namespace has no number here, which is an error.
    let peer = socket_peercred(stream).map_err(|_| unknown())?;
    let pid = peer.pid.as_raw_nonzero().get().cast_unsigned();
    if peer.uid != geteuid() {
        return Err(unfit(pid, "is another user's"));
    }
    Ok(pid)
}

fn has_ended(process: impl AsFd) -> bool {
    let now = Timespec::default();
    poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&now)) != Ok(0)
}

/// A name that nobody knows before.
fn beside(path: &Path) -> Result<PathBuf, HandoverError> {
    let mut random = [0; 8];
    getrandom::fill(&mut random)
        .map_err(|error| io::Error::other(error.to_string()))
        .map_err(HandoverError::io("there is no randomness"))?;
    let number = u64::from_ne_bytes(random);
    Ok(path.with_file_name(state_files::KEYS_CARRIER.name(format_args!("{number:016x}"))))
}

/// A socket of this user alone; its name goes with it.
struct Socket {
    listener: UnixListener,
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl Socket {
    fn bind(path: PathBuf) -> Result<Self, HandoverError> {
        let bind = || {
            if fs::symlink_metadata(&path).is_ok() {
                fs::remove_file(&path)?;
            }
            let listener = UnixListener::bind(SocketAddress::of(&path)?.path())?;
            // The umask sees to it from the first instant; this makes it sure.
            fs::set_permissions(&path, Permissions::from_mode(0o600))?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        if let Some(dir) = path.parent() {
            let checked = quilt_trust::make_dir(dir);
            checked.map_err(|distrust| HandoverError::Unfit(distrust.to_string()))?;
        }
        let listener = bind().map_err(HandoverError::io("cannot offer the API keys"))?;
        let identity = fs::symlink_metadata(&path).ok();
        Ok(Self {
            listener,
            identity: identity.as_ref().map(inode),
            path,
        })
    }

    /// The next that connects; nothing when nobody does in time, or another
    /// offer has taken this one's place.
    fn accept(&self, until: Instant) -> Result<Option<UnixStream>, HandoverError> {
        while Instant::now() < until && self.is_there() {
            let left = until.saturating_duration_since(Instant::now()).min(LOOK);
            let left = Timespec::try_from(left).ok();
            let _ = poll(
                &mut [PollFd::new(&self.listener, PollFlags::IN)],
                left.as_ref(),
            );
            match self.listener.accept() {
                Ok((stream, _)) => {
                    let blocking = stream.set_nonblocking(false);
                    blocking.map_err(HandoverError::io("cannot speak to the successor"))?;
                    return Ok(Some(stream));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(source) => {
                    let what = "cannot offer the API keys";
                    return Err(HandoverError::Io { what, source });
                }
            }
        }
        Ok(None)
    }

    fn is_there(&self) -> bool {
        let there = fs::symlink_metadata(&self.path).ok();
        self.identity.is_some() && there.as_ref().map(inode) == self.identity
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Another offer's stays.
        if self.is_there() {
            let _ = fs::remove_file(&self.path);
        }
    }
}
