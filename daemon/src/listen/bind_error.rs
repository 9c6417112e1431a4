//! Why a control socket cannot be bound.

use std::io;
use std::path::PathBuf;

use quilt_proto::quoted;
use quilt_trust::Distrust;
use rustix::fs::Mode;

impl BindError {
    /// Whether nothing can be made there at all, as in a runtime directory
    /// that is gone. What somebody else may have done is no such thing.
    pub fn is_no_place(&self) -> bool {
        use io::ErrorKind as K;
        let (Self::CreateDirectory { source, .. }
        | Self::OpenDirectory { source, .. }
        | Self::Lock { source, .. }
        | Self::System { source, .. }) = self
        else {
            return false;
        };
        matches!(
            source.kind(),
            K::NotFound | K::PermissionDenied | K::ReadOnlyFilesystem | K::StorageFull
        )
    }
}

/// Why a socket could not be bound. Every message is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The path names no file in a directory.
    #[error("{} cannot be a socket: name a file", quoted::path(.0))]
    NotAFile(PathBuf),
    /// The path does not fit a socket address.
    #[error(
        "socket path {} has {length} bytes where the system takes {longest}",
        quoted::path(path)
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
    #[error("cannot create the socket's directory {}: {source}", quoted::path(dir))]
    CreateDirectory {
        /// The socket's directory.
        dir: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The directory could not be opened.
    #[error("cannot open the socket's directory {}: {source}", quoted::path(dir))]
    OpenDirectory {
        /// The socket's directory.
        dir: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The directory is a symlink, which someone else may turn.
    #[error("the socket's directory {} is a symlink", quoted::path(.0))]
    DirectorySymlink(PathBuf),
    /// The directory is something else.
    #[error("the socket's directory {} is not a directory", quoted::path(.0))]
    NotADirectory(PathBuf),
    /// The directory is another user's.
    #[error(
        "the socket's directory {} belongs to uid {owner}, not to uid {uid}",
        quoted::path(dir)
    )]
    DirectoryForeign {
        /// The socket's directory.
        dir: PathBuf,
        /// Its owner.
        owner: u32,
        /// The daemon's effective uid.
        uid: u32,
    },
    /// Somebody else may replace the directory, or owns what is in it.
    #[error("no socket can be there: {0}")]
    Distrusted(Distrust),
    /// Others may enter the directory.
    #[error(
        "the socket's directory {} is open to others (mode {mode:04o})",
        quoted::path(dir)
    )]
    DirectoryLoose {
        /// The socket's directory.
        dir: PathBuf,
        /// Its mode.
        mode: Mode,
    },
    /// The lock file could not be opened or locked.
    #[error("cannot lock {}: {source}", quoted::path(path))]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another quiltd holds the lock.
    #[error("another quiltd already owns {}", quoted::path(.0))]
    AlreadyRunning(PathBuf),
    /// A live socket that no quiltd locked.
    #[error("another program already listens on {}", quoted::path(.0))]
    InUse(PathBuf),
    /// A file of another kind is at the path.
    #[error("{} exists and is not a socket but a {kind}", quoted::path(path))]
    NotASocket {
        /// The socket asked for.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// The directory changed under the daemon's hands.
    #[error(
        "{} moved while it was being bound: somebody writes to the directories above it",
        quoted::path(.0)
    )]
    Moved(PathBuf),
    /// The system refused a step.
    #[error("cannot {step} {}: {source}", quoted::path(path))]
    System {
        /// The step, as an infinitive.
        step: &'static str,
        /// The file concerned.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}
