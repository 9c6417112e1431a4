//! Why the registry gateway is not set up, or does not carry a request.

use quilt_proto::{CatalogUrl, RegistryUrl};

use crate::grant::GrantError;
use crate::quilt3::SdkFileError;
use crate::session::SessionError;

/// Why the gateway is not set up.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The catalog could not be asked where its registry is, or names another
    /// one than before.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// There is nothing to take over.
    #[error("quilt3 has no login of its own at {0}")]
    NoOwnLogin(RegistryUrl),
    /// The login could not be taken over.
    #[error("the login that quilt3 made at {catalog} could not be taken over: {source}")]
    NotTakenOver {
        /// Where.
        catalog: CatalogUrl,
        /// Why.
        source: SessionError,
    },
    /// It is not known what was there before.
    #[error("the record of how quilt3 was set up is lost, and no catalog is configured")]
    RecordLost,
    /// No grant could be made, or nobody can listen.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// The SDK's files.
    #[error(transparent)]
    Files(#[from] SdkFileError),
}
