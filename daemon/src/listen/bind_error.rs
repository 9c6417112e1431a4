//! Why a control socket cannot be bound, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use quilt_trust::Distrust;
use rustix::fs::Mode;

/// Chooses another socket, for the daemon and its clients alike.
const ELSEWHERE: &str = "export QUILTD_SOCKET=\"$HOME/.quilt/quiltd.sock\"";

/// Closes a directory that is there for the socket; any other one, such as
/// /etc or /tmp, has to stay as it is.
fn close(dir: &Path) -> String {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    if name.trim_start_matches('.').starts_with("quilt") {
        format!("chmod 700 '{}'", dir.display())
    } else {
        ELSEWHERE.to_owned()
    }
}

/// Why a socket could not be bound. Every message is one line that ends
/// with the command to run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The path names no file in a directory.
    #[error("{path:?} cannot be a socket: name a file; run: {ELSEWHERE}")]
    NotAFile {
        /// The path asked for.
        path: PathBuf,
    },
    /// The path does not fit a socket address.
    #[error(
        "socket path {path:?} has {length} bytes where the system takes {longest}; run: {ELSEWHERE}"
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
    #[error("cannot create the socket's directory {dir:?}: {source}; run: {ELSEWHERE}")]
    CreateDirectory {
        /// The socket's directory.
        dir: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The directory could not be opened.
    #[error("cannot open the socket's directory {dir:?}: {source}; run: {ELSEWHERE}")]
    OpenDirectory {
        /// The socket's directory.
        dir: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The directory is a symlink, which someone else may turn.
    #[error("the socket's directory {dir:?} is a symlink; run: {ELSEWHERE}")]
    DirectorySymlink {
        /// The socket's directory.
        dir: PathBuf,
    },
    /// The directory is something else.
    #[error("the socket's directory {dir:?} is not a directory; run: {ELSEWHERE}")]
    NotADirectory {
        /// The socket's directory.
        dir: PathBuf,
    },
    /// The directory is another user's.
    #[error(
        "the socket's directory {dir:?} belongs to uid {owner}, not to uid {uid}; run: {ELSEWHERE}"
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
    #[error("no socket can be there: {why}; run: {}", why.remedy())]
    Distrusted {
        /// What is wrong, and where.
        why: Distrust,
    },
    /// Others may enter the directory.
    #[error(
        "the socket's directory {dir:?} is open to others (mode {mode:04o}); run: {}", close(.dir)
    )]
    DirectoryLoose {
        /// The socket's directory.
        dir: PathBuf,
        /// Its mode.
        mode: Mode,
    },
    /// The lock file could not be opened or locked.
    #[error("cannot lock {path:?}: {source}; run: {ELSEWHERE}")]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another quiltd holds the lock.
    #[error("another quiltd already owns {path:?}; run: quiltctl daemon stop")]
    AlreadyRunning {
        /// The socket.
        path: PathBuf,
    },
    /// A live socket that no quiltd locked.
    #[error("another program already listens on {path:?}; run: {ELSEWHERE}")]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// A file of another kind is at the path.
    #[error("{path:?} exists and is not a socket but a {kind}; run: {ELSEWHERE}")]
    NotASocket {
        /// The socket asked for.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// The directory changed under the daemon's hands.
    #[error(
        "{path:?} moved while it was being bound: somebody writes to the directories above it; run: {ELSEWHERE}"
    )]
    Moved {
        /// The socket asked for.
        path: PathBuf,
    },
    /// The system refused a step.
    #[error("cannot {step} {path:?}: {source}; run: {ELSEWHERE}")]
    System {
        /// The step, as an infinitive.
        step: &'static str,
        /// The file concerned.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_directory_of_the_system_is_to_be_closed() {
        let loose = |dir: &str| {
            BindError::DirectoryLoose {
                dir: dir.into(),
                mode: Mode::from(0o755),
            }
            .to_string()
        };
        let line = loose("/home/me/.quilt");
        assert!(
            line.ends_with("(mode 0755); run: chmod 700 '/home/me/.quilt'"),
            "{line}"
        );
        for dir in ["/etc", "/tmp", "/", "/home/me"] {
            assert!(loose(dir).ends_with(ELSEWHERE), "{dir}");
        }
    }
}
