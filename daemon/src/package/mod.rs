//! Package registries: both of Quilt's layouts over one object-store trait,
//! on S3 and in local directories alike.
//!
//! S3 is reached with the daemon's own credentials, never with ambient ones.

mod address;
mod error;
mod layout;
mod local;
#[cfg(test)]
mod memory;
mod registry;
mod s3;
mod service;
mod store;
#[cfg(test)]
mod tests;

pub use self::error::{HalfDeleted, PackageError, Progress, StoreError};
pub use self::registry::{Names, Registry};
#[cfg(any(test, fuzzing))]
pub(crate) use self::s3::fuzz_refusal;
pub use self::service::Packages;
