//! Why a control socket cannot be bound, and what to do about it.

use std::io;
use std::path::PathBuf;

use rustix::fs::Mode;

/// Why a socket could not be bound. Every message is one line that says what to
/// do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The path names no file in a directory.
    #[error(
        "{path:?} cannot be a socket: name a file, such as ~/.quilt/quiltd.sock, with --socket"
    )]
    NotAFile {
        /// The path asked for.
        path: PathBuf,
    },
    /// The path does not fit a socket address.
    #[error(
        "socket path {path:?} has {length} bytes where the system takes {longest}: choose a shorter one with --socket"
    )]
    TooLong {
        /// The path asked for.
        path: PathBuf,
        /// Its length in bytes.
        length: usize,
        /// The most bytes that fit.
        longest: usize,
    },
    /// The directory could not be made.
    #[error(
        "cannot create the socket's directory {dir:?}: {source}; make it (mode 0700), or choose another place with --socket"
    )]
    CreateDirectory {
        /// The socket's directory.
        dir: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The directory could not be opened.
    #[error(
        "cannot open the socket's directory {dir:?}: {source}; mend it, or choose another place with --socket"
    )]
    OpenDirectory {
        /// The socket's directory.
        dir: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The directory is a symlink, which someone else may turn.
    #[error("the socket's directory {dir:?} is a symlink: name the real directory with --socket")]
    DirectorySymlink {
        /// The socket's directory.
        dir: PathBuf,
    },
    /// The directory is something else.
    #[error(
        "the socket's directory {dir:?} is not a directory: move it away, or choose another place with --socket"
    )]
    NotADirectory {
        /// The socket's directory.
        dir: PathBuf,
    },
    /// The directory is another user's.
    #[error(
        "the socket's directory {dir:?} belongs to uid {owner}, not to uid {uid}: choose a directory of your own with --socket"
    )]
    DirectoryForeign {
        /// The socket's directory.
        dir: PathBuf,
        /// Its owner.
        owner: u32,
        /// The daemon's effective uid.
        uid: u32,
    },
    /// Others may enter the directory.
    #[error(
        "the socket's directory {dir:?} is open to others (mode {mode:04o}): run chmod 700 on it, or choose another place with --socket"
    )]
    DirectoryLoose {
        /// The socket's directory.
        dir: PathBuf,
        /// Its mode.
        mode: Mode,
    },
    /// The lock file could not be opened or locked.
    #[error(
        "cannot lock {path:?}: {source}; move it away if it is not a plain file, or choose another place with --socket"
    )]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another quiltd holds the lock.
    #[error("another quiltd already owns {path:?}: use it, or stop it with: quiltctl daemon stop")]
    AlreadyRunning {
        /// The socket.
        path: PathBuf,
    },
    /// A live socket that no quiltd locked.
    #[error(
        "another program already listens on {path:?}: stop it, or choose another place with --socket"
    )]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// A file of another kind is at the path.
    #[error(
        "{path:?} exists and is not a socket but a {kind}: move it away, or choose another place with --socket"
    )]
    NotASocket {
        /// The socket asked for.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// The directory changed under the daemon's hands.
    #[error(
        "{path:?} moved while it was being bound: look who writes to the directories above it, then start again"
    )]
    Moved {
        /// The socket asked for.
        path: PathBuf,
    },
    /// The system refused a step.
    #[error("cannot {step} {path:?}: {source}; mend that, or choose another place with --socket")]
    System {
        /// The step, as an infinitive.
        step: &'static str,
        /// The file concerned.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}
