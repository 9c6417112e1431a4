//! A listening socket handed over by systemd (`sd_listen_fds(3)`) or launchd
//! (`launch_activate_socket(3)`).

use std::io;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use quilt_proto::quoted;
use quilt_proto::suggested_command::clause;
use rustix::fs::{FileType, Mode, lstat};
use rustix::net::SocketType;
use rustix::net::sockopt::socket_type;
use rustix::process::geteuid;

use super::ControlSocket;

/// The name of the socket in the launchd job.
#[cfg(target_os = "macos")]
const LAUNCHD_NAME: &str = "Listeners";

/// Why a socket that was handed over is not served. Every message is one line
/// that says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ActivationError {
    /// More or fewer sockets than one.
    #[error(
        "{0} sockets were handed over where quiltd takes one: keep one ListenStream= in quiltd.socket"
    )]
    Count(usize),
    /// Not a listening unix stream socket with a path.
    #[error(
        "the socket handed over is not a listening unix stream socket with a path: use ListenStream=%t/quilt/quiltd.sock in quiltd.socket"
    )]
    Kind,
    /// The socket file does not belong to this user alone.
    #[error(
        "the socket handed over, {}, is not this user's alone (uid {owner}, mode {mode:04o}): set SocketMode=0600 in a user unit",
        quoted::path(path)
    )]
    Loose {
        /// The socket file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Its mode.
        mode: Mode,
    },
    /// The socket file could not be read.
    #[error(
        "cannot look at the socket handed over, {}: {}; restart the unit that made it",
        quoted::path(path),
        clause(source)
    )]
    Stat {
        /// The socket file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The descriptor was not usable.
    #[error("cannot take the socket handed over: {0}; start quiltd without it, or mend the unit")]
    Take(#[source] io::Error),
}

/// The socket this process was started with, if it was.
pub fn take() -> Result<Option<ControlSocket>, ActivationError> {
    match activated()? {
        Some(listener) => verify(listener).map(Some),
        None => Ok(None),
    }
}

#[cfg(not(target_os = "macos"))]
fn activated() -> Result<Option<UnixListener>, ActivationError> {
    // Without this check, variables inherited through another program would
    // turn some descriptor of ours into a socket.
    let pid = std::env::var("LISTEN_PID").ok();
    if pid.and_then(|pid| pid.parse().ok()) != Some(std::process::id()) {
        return Ok(None);
    }
    let mut sockets = listenfd::ListenFd::from_env();
    match sockets.len() {
        0 => Ok(None),
        1 => sockets
            .take_unix_listener(0)
            .map_err(|_| ActivationError::Kind),
        count => Err(ActivationError::Count(count)),
    }
}

#[cfg(target_os = "macos")]
fn activated() -> Result<Option<UnixListener>, ActivationError> {
    use rustix::io::{FdFlags, fcntl_setfd};
    use service_binding::{Binding, Error, Listener};

    let binding = match Binding::try_from(format!("fd://{LAUNCHD_NAME}").as_str()) {
        Ok(binding) => binding,
        // Not started by launchd, or by a job without sockets.
        Err(Error::DescriptorsMissing) => return Ok(None),
        Err(Error::DescriptorOutOfRange(count)) => {
            return Err(ActivationError::Count(usize::try_from(count).unwrap_or(0)));
        }
        Err(error) => return Err(ActivationError::Take(io::Error::other(error))),
    };
    match Listener::try_from(binding).map_err(ActivationError::Take)? {
        Listener::Unix(listener) => {
            fcntl_setfd(&listener, FdFlags::CLOEXEC)
                .map_err(|errno| ActivationError::Take(errno.into()))?;
            Ok(Some(listener))
        }
        _ => Err(ActivationError::Kind),
    }
}

/// Serves only a listening stream socket whose file is ours, and ours alone to
/// connect to.
fn verify(listener: UnixListener) -> Result<ControlSocket, ActivationError> {
    let stream = socket_type(&listener).is_ok_and(|kind| kind == SocketType::STREAM);
    let address = listener.local_addr().map_err(ActivationError::Take)?;
    let path = match address.as_pathname() {
        Some(path) if stream && listens(&listener) => path.to_owned(),
        _ => return Err(ActivationError::Kind),
    };
    verify_file(&path)?;
    Ok(ControlSocket::activated(listener, path))
}

/// Apple's systems cannot tell; there launchd hands over nothing else.
#[cfg(target_os = "macos")]
fn listens(_: &UnixListener) -> bool {
    true
}

#[cfg(not(target_os = "macos"))]
fn listens(socket: &UnixListener) -> bool {
    rustix::net::sockopt::socket_acceptconn(socket).unwrap_or(false)
}

fn verify_file(path: &Path) -> Result<(), ActivationError> {
    let stat = lstat(path).map_err(|errno| ActivationError::Stat {
        path: path.to_owned(),
        source: errno.into(),
    })?;
    let mode = Mode::from_raw_mode(stat.st_mode);
    let ours = FileType::from_raw_mode(stat.st_mode) == FileType::Socket
        && stat.st_uid == geteuid().as_raw()
        // Connecting takes write permission; reading says nothing about a socket.
        && !mode.intersects(Mode::WGRP | Mode::WOTH);
    if ours {
        return Ok(());
    }
    Err(ActivationError::Loose {
        path: path.to_owned(),
        owner: stat.st_uid,
        mode,
    })
}
