//! API keys over a restart: handed by the daemon that ends to the one that
//! follows, in memory, over a Unix socket of the state directory.
//!
//! Where a service manager starts the successor, the one before has ended by
//! then. So `quiltctl daemon restart` starts quiltd a third time in between
//! ([`relay`]): it takes the keys, hands them to whoever follows, once, and
//! ends. Each step is the same: the giver listens, the taker knocks. The giver
//! sees that the taker is of its user, runs the program that is expected,
//! with nothing loaded into it that others could have written, and is not
//! traced; the taker then protects itself, and only to that process, over a
//! second socket made after all this, keys are given. The taker sees that the
//! socket is its user's and that a quiltd of the same user listens there.
//!
//! Nothing of it is on a disk but the sockets' names, and no descriptor is left
//! with a service manager. Where the system does not tell enough of a process,
//! as on macOS, or across namespaces, keys are not handed on.

#[cfg(target_os = "linux")]
mod give;
#[cfg(target_os = "linux")]
mod message;
#[cfg(target_os = "linux")]
mod peer_check;
#[cfg(target_os = "linux")]
mod relay;
#[cfg(target_os = "linux")]
mod take;
#[cfg(not(target_os = "linux"))]
mod unsupported;

use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use quilt_proto::instance::short_machine;
use quilt_proto::{CatalogUrl, RegistryUrl, Secret, state_files};

use crate::raw::Locked;

#[cfg(target_os = "linux")]
pub use self::give::Offer;
#[cfg(target_os = "linux")]
pub use self::relay::relay;
#[cfg(target_os = "linux")]
pub use self::take::{KeyTaker, Receipt};
#[cfg(not(target_os = "linux"))]
pub use self::unsupported::{KeyTaker, Offer, Receipt, relay};

/// How long a daemon that is about to end offers its keys.
pub const OFFER: Duration = Duration::from_secs(10);

/// A key on its way from one daemon to the next.
pub struct HandoverKey {
    /// Where it is used.
    pub catalog: CatalogUrl,
    /// Where it is sent, if that was settled.
    pub registry: Option<RegistryUrl>,
    /// The key.
    pub secret: Locked,
}

impl HandoverKey {
    /// Puts a key to rest for the way.
    pub fn new(catalog: CatalogUrl, registry: Option<RegistryUrl>, secret: &Secret) -> Self {
        Self {
            catalog,
            registry,
            secret: Locked::new(secret),
        }
    }
}

impl fmt::Debug for HandoverKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HandoverKey({})", self.catalog)
    }
}

/// Why keys do not go from one to the other. Never quotes one.
#[derive(Debug, thiserror::Error)]
pub enum HandoverError {
    /// The system refused, or there is nobody.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The other side is not what it has to be.
    #[error("{0}")]
    Unfit(String),
    /// Nobody came in time.
    #[error("nobody came for the API keys in time")]
    Nobody,
    /// The system does not tell who is at the other end of a socket.
    #[error("this system does not tell which program would get the API keys")]
    Unsupported,
}

impl HandoverError {
    /// Says that no keys were taken over. Nothing logs yet.
    pub fn tell_not_taken(&self) {
        let _ = writeln!(io::stderr(), "quiltd: no API keys taken over: {self}");
    }

    #[cfg(target_os = "linux")]
    fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }

    #[cfg(target_os = "linux")]
    fn is_nobody(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::ConnectionRefused)
    }
}

/// Where keys are offered to a successor that has this state directory.
pub fn socket(state_dir: &Path) -> PathBuf {
    let machine = short_machine();
    state_dir.join(state_files::KEYS_SOCKET.name(machine))
}
