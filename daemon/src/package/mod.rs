//! Package registries: both of Quilt's layouts over one object-store trait,
//! on S3 and in local directories alike.
//!
//! S3 is reached with the daemon's own credentials, never with ambient ones.

mod address;
mod bounded_listing;
mod error;
#[cfg(any(test, fuzzing))]
#[allow(clippy::expect_used, reason = "a fuzzer looks for panics")]
mod fuzz;
mod layout;
mod local;
#[cfg(test)]
mod memory;
mod open_registry;
mod registry;
mod s3;
mod store;
#[cfg(test)]
mod tests;

pub use self::error::{HalfDeleted, PackageError, Progress, StoreError, Wanted};
#[cfg(any(test, fuzzing))]
pub(crate) use self::fuzz::fuzz_registry;
pub use self::open_registry::Packages;
pub use self::registry::{Names, Registry};
#[cfg(any(test, fuzzing))]
pub(crate) use self::s3::fuzz_refusal;
