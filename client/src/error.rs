//! What can go wrong between a program and the daemon.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use quilt_proto::{Problem, quoted};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No daemon answers on the socket, or it hung up.
    #[error("quiltd is not reachable on {}: {source}", quoted::path(socket))]
    Unreachable {
        /// The socket.
        socket: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The socket is served by another user, so nothing was sent to it.
    #[error(
        "the socket {} is served by another user (uid {uid})",
        quoted::path(socket)
    )]
    ForeignSocket {
        /// The socket.
        socket: PathBuf,
        /// The user on the other side.
        uid: u32,
    },

    /// This program is nobody in its user namespace, where everybody's sockets
    /// look like its own. Nothing was sent.
    #[error(
        "this user namespace maps no user to this program, so nothing tells who serves the socket \
         {}",
        quoted::path(socket)
    )]
    Nobody {
        /// The socket.
        socket: PathBuf,
    },

    /// The daemon answered with an error: what failed, a stable code and,
    /// mostly, the command that mends it.
    #[error(transparent)]
    Problem(Box<Problem>),

    /// The daemon is stopped, as by SIGSTOP or a debugger, and answers nobody.
    #[error("quiltd (pid {pid}) is stopped, and answers nobody")]
    Stopped {
        /// Its process, as it is called here.
        pid: u32,
    },

    /// The daemon did not answer in time.
    #[error("quiltd did not answer within {:.1} s", .0.as_secs_f64())]
    Timeout(Duration),

    /// What answered does not speak the daemon's protocol. Quotes nothing of
    /// the answer: it may hold secrets.
    #[error("what answers on the socket is not quiltd: {0}")]
    InvalidAnswer(&'static str),
}

impl Error {
    /// Whether nobody listens on the socket: nothing was sent, and starting a
    /// daemon helps.
    pub fn is_absent(&self) -> bool {
        use io::ErrorKind::{ConnectionRefused, NotFound};
        matches!(self, Self::Unreachable { source, .. }
            if matches!(source.kind(), NotFound | ConnectionRefused))
    }

    /// Whether the daemon hung up without answering, as one does that ends at
    /// this moment. It may have done what it was asked: only a call that
    /// changes nothing is worth repeating.
    pub fn is_hang_up(&self) -> bool {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
        matches!(self, Self::Unreachable { source, .. }
            if matches!(source.kind(), BrokenPipe | ConnectionReset | UnexpectedEof))
    }
}

/// A failure before it is known which client, socket and deadline it belongs to.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Reading or writing failed.
    Io(io::Error),
    /// The deadline passed.
    Late,
    /// The daemon is stopped.
    Stopped(u32),
    /// The socket belongs to this user.
    Foreign(u32),
    /// The bytes are not a valid answer.
    Invalid(&'static str),
}

impl Fault {
    /// The error a caller sees.
    pub(crate) fn into_error(self, socket: &std::path::Path, timeout: Duration) -> Error {
        let socket = socket.to_owned();
        match self {
            Self::Io(source) => Error::Unreachable { socket, source },
            Self::Late => Error::Timeout(timeout),
            Self::Stopped(pid) => Error::Stopped { pid },
            Self::Foreign(_) if !quilt_trust::knows_us() => Error::Nobody { socket },
            Self::Foreign(uid) => Error::ForeignSocket { socket, uid },
            Self::Invalid(why) => Error::InvalidAnswer(why),
        }
    }
}

/// The daemon that is to answer is stopped; travels inside of an error of io.
#[derive(Debug, thiserror::Error)]
#[error("process {0} is stopped")]
pub(crate) struct Stopped(pub(crate) u32);

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        if let Some(Stopped(pid)) = inner {
            return Self::Stopped(*pid);
        }
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::Late,
            _ => Self::Io(error),
        }
    }
}
