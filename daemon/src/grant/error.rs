//! Why there is no grant, or none is taken back.

use std::io;

use crate::files;

/// Why there is no grant.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// Nothing more is kept.
    #[error("there are as many grants of that kind as there may be")]
    TooMany,
    /// No listener, or no randomness.
    #[error("cannot listen on 127.0.0.1: {0}")]
    System(#[from] io::Error),
    /// The token cannot be put where programs read it.
    #[error("cannot write the grant's token to a file: {}", files::words(.0))]
    NoTokenFile(#[source] io::Error),
    /// It would not survive the daemon.
    #[error("cannot write down the grant: {}", files::words(.0))]
    Unsaved(#[source] io::Error),
    /// It is taken back until the daemon ends.
    #[error(
        "taken back, but not for good: that cannot be written down ({}), so it would work again \
         after a restart",
        files::words(source)
    )]
    HalfRevoked {
        /// Which; all of the registry's where there is none.
        id: Option<String>,
        /// Why.
        #[source]
        source: io::Error,
    },
}
