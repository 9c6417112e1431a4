//! What crosses the quiltd socket: endpoints, bodies, error codes, and the
//! parsed names they are made of.
//!
//! No I/O and no async runtime: the same definitions serve the daemon, the
//! client library and the command line.

pub mod api;
pub mod api_key_secret;
pub mod aws;
pub mod browser_navigation;
pub mod build;
pub mod catalog;
pub mod error_code;
pub mod exit_code;
mod hex;
pub mod instance;
pub mod locations;
pub mod names;
mod network_failure;
pub mod network_variables;
pub mod partition;
pub mod problem;
pub mod process_status;
pub mod python_sdk;
pub mod quoted;
mod registry_host;
mod runtime_directory;
#[cfg(feature = "schema")]
mod schema;
pub mod secret;
mod secret_hash;
mod shell_quote;
#[cfg(unix)]
mod socket_address;
pub mod state_files;
pub mod suggested_command;
pub mod terminal_safe;
mod text_form;
pub mod time;
pub mod wire;

pub use api_key_secret::ApiKeySecret;
pub use catalog::{CatalogUrl, RegistryUrl, UrlError};
pub use error_code::ErrorCode;
pub use hex::hex;
pub use names::{ApiKeyId, CatalogName, NameError, PackageName, ProfileName, TopHash};
pub use network_failure::NetworkFailure;
pub use partition::Partition;
pub use problem::Problem;
pub use quoted::{Quoted, Reason};
pub use registry_host::{NotAHost, RegistryHost};
pub use secret::Secret;
pub use secret_hash::SecretHash;
#[cfg(unix)]
pub use socket_address::{LONGEST as LONGEST_SOCKET_PATH, SocketAddress};
pub use state_files::is_state_file;
pub use suggested_command::Command;
pub use time::Timestamp;
