//! Where requests come from: the control socket (bound here, or handed over by
//! systemd or launchd), who is on the other end, and the limits every
//! connection lives under.

mod acceptor;
pub mod activation;
mod ancestry;
mod bind_error;
pub mod browser_guard;
mod descriptor_budget;
mod directory;
mod early_refusal;
mod interpreters;
mod is_listening;
mod lazy_timeout;
mod limiter;
mod listener_limits;
pub mod loopback;
mod loopback_admission;
mod loopback_process;
mod owner;
mod peer;
mod process;
mod rate_limit;
mod script;
pub mod serve;
mod socket_file_watch;
mod socket_lock;
mod tracked;
mod turn_away;
pub mod unix;
mod waiting_queue;

use std::path::Path;

use quilt_proto::instance::short_machine;
use quilt_proto::locations::Places;

pub use activation::ActivationError;
pub use bind_error::BindError;
pub use browser_guard::{AllowedHosts, BrowserGuard};
pub use descriptor_budget::WaitingLimit;
pub(crate) use descriptor_budget::web_logins;
pub use limiter::{ConnectionSlot, Origin, StreamRefused};
pub use listener_limits::Limits;
pub use loopback::{LoopbackListener, LoopbackPeer, owners_are_told};
pub use loopback_admission::UnknownOwner;
pub use loopback_process::Program;
pub use peer::{Peer, PeerListener};
pub use rate_limit::RateLimit;
pub use serve::{Caller, ErrorResponder, ErrorResponders, Listener, serve};
pub(crate) use serve::{come_again, problem_response};
pub use socket_file_watch::{Watch, watch};
pub use socket_lock::SocketLock;
pub use tracked::Stream;
pub use turn_away::TurnAway;
pub use unix::ControlSocket;

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

/// Where the daemon listens, bound before anything starts.
#[derive(Debug)]
pub struct ControlSockets {
    /// The first.
    pub first: ControlSocket,
    /// The one in the state directory, where that is another.
    pub also: Option<ControlSocket>,
    /// Held by whoever bound a socket.
    locks: Vec<SocketLock>,
}

impl ControlSockets {
    /// The locks: keep them until the last request is served and everything is
    /// on disk.
    pub fn take_locks(&mut self) -> Vec<SocketLock> {
        std::mem::take(&mut self.locks)
    }
}

/// Takes the socket systemd or launchd offers; where neither does, binds the
/// first of the places. A runtime directory that is gone, or cannot be written,
/// costs nothing where there is another place.
pub fn acquire(places: &Places) -> Result<ControlSockets, AcquireError> {
    let (first, lock) = match activation::take()? {
        Some(socket) => (socket, None),
        None => match (unix::bind(&places.socket), &places.also) {
            (Ok((socket, lock)), _) => (socket, Some(lock)),
            (Err(error), Some(also)) if error.is_no_place() => {
                tracing::warn!("{error}; listening on {} alone", also.display());
                return Ok(alone(bind_shared(also)?));
            }
            // Another machine's, which shares the home, may have taken it.
            (Err(_), None) if is_shared(&places.socket) => {
                return Ok(alone(bind_shared(&places.socket)?));
            }
            (Err(error), _) => return Err(error.into()),
        },
    };
    let mut locks: Vec<_> = lock.into_iter().collect();
    let also = places.also.as_deref().filter(|also| *also != first.path());
    let also = also.and_then(|also| match bind_shared(also) {
        Ok((socket, lock)) => {
            locks.push(lock);
            Some(socket)
        }
        Err(error) => {
            tracing::warn!("{error}: quiltd is found by those who know of the other place alone");
            None
        }
    });
    Ok(ControlSockets { first, also, locks })
}

fn alone((first, lock): (ControlSocket, SocketLock)) -> ControlSockets {
    ControlSockets {
        first,
        also: None,
        locks: vec![lock],
    }
}

/// Binds a place in the state directory, or where another machine that shares
/// it was first, beside it.
fn bind_shared(path: &Path) -> Result<(ControlSocket, SocketLock), BindError> {
    match unix::bind(path) {
        Err(BindError::AlreadyRunning(_) | BindError::InUse(_)) => {
            let machine = short_machine();
            unix::bind(&path.with_file_name(format!("quiltd-{machine}.sock")))
        }
        bound => bound,
    }
}

/// Whether a place is one that machines which share a home share.
fn is_shared(path: &Path) -> bool {
    quilt_proto::locations::state_dir().is_ok_and(|dir| path.parent() == Some(&dir))
}
