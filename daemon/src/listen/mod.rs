//! Where requests come from: the control socket (bound here, or handed over by
//! systemd or launchd), who is on the other end, and the limits every
//! connection lives under.

pub mod activation;
mod ancestry;
mod aside;
mod bind_error;
mod capacity;
mod directory;
mod entrance;
pub mod guard;
mod limiter;
mod lobby;
mod lock;
pub mod loopback;
mod owner;
pub mod peer;
mod program;
pub mod serve;
mod sockaddr;
mod tracked;
mod turn_away;
pub mod unix;
mod watch;

use std::path::Path;

pub use activation::ActivationError;
pub use bind_error::BindError;
pub use guard::{AllowedHosts, guarded, guarded_by};
pub use limiter::{ConnectionSlot, Origin, StreamRefused};
pub use lock::SocketLock;
pub use loopback::{LoopbackListener, Throttle, Unknown, Visitor, owners_are_told};
pub use peer::{Peer, PeerListener};
pub use program::Program;
pub use serve::{Caller, Limits, Listener, Say, Words, serve};
pub(crate) use serve::{come_again, problem_response};
pub use tracked::Stream;
pub use turn_away::TurnAway;
pub use unix::ControlSocket;
pub use watch::Watch;

/// There is no socket to listen on.
#[derive(Debug, thiserror::Error)]
pub enum AcquireError {
    /// The socket that was handed over is unfit.
    #[error(transparent)]
    Activation(#[from] ActivationError),
    /// No socket could be bound.
    #[error(transparent)]
    Bind(#[from] BindError),
}

/// Takes the socket systemd or launchd offers; where neither does, binds `path`.
///
/// The lock is held by whoever bound the socket: keep it until the last request
/// is served and everything is on disk.
pub fn acquire(path: &Path) -> Result<(ControlSocket, Option<SocketLock>), AcquireError> {
    if let Some(socket) = activation::take()? {
        return Ok((socket, None));
    }
    let (socket, lock) = unix::bind(path)?;
    Ok((socket, Some(lock)))
}
