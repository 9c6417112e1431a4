//! What crosses the quiltd socket: paths, calls, bodies, error codes, and the
//! parsed names they are made of.
//!
//! No I/O and no async runtime: the same definitions serve the daemon, the
//! client library and the command line.

pub mod call;
pub mod catalog;
pub mod error;
pub mod instance;
pub mod locations;
pub mod names;
#[cfg(feature = "schema")]
mod schema;
pub mod secret;
pub mod shell;
pub mod time;
pub mod wire;

pub use catalog::{CatalogUrl, RegistryUrl, UrlError};
pub use error::{ErrorCode, Problem};
pub use names::{ApiKeyId, ApiKeySecret, NameError, PackageName, ProfileName, TopHash};
pub use secret::Secret;
pub use time::Timestamp;
