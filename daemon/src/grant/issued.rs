//! What a grant is to those who ask for one, or show one.

use std::net::SocketAddr;
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;

use quilt_proto::{Secret, Timestamp};

use super::{ProcessHandle, Right};

/// How long a grant lives.
#[derive(Debug)]
pub enum Life {
    /// This many seconds.
    Seconds(i64),
    /// As long as a process runs.
    While(ProcessHandle),
    /// 90 days from its last use, restarts of the daemon included.
    Persistent,
}

/// What a token turned out to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizedGrant {
    /// The grant's name.
    pub id: String,
    /// What it opens.
    pub right: Right,
    /// The process it lives with.
    pub pid: Option<u32>,
    /// Cancelled once it is no grant any more.
    pub ended: CancellationToken,
}

/// A new grant; the only time its token is seen.
#[derive(Debug)]
pub struct Issued {
    /// Its name.
    pub id: String,
    /// What proves it.
    pub token: Secret,
    /// When it ends, unless it is renewed or revoked.
    pub expires_at: Timestamp,
    /// Where it is good.
    pub address: SocketAddr,
    /// A file that holds the token and goes with the grant, where it lives
    /// with a process.
    pub token_file: Option<PathBuf>,
}
