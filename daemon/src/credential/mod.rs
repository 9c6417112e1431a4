//! Vending AWS credentials: one refreshing cache over every way to get them.

mod cache_entry;
mod credentials;
mod error;
mod profile_source;
mod role_chain;
mod stack_source;
mod vault;

pub use self::credentials::AwsCredentials;
pub use self::error::CredentialError;
pub use self::vault::{Dependencies, InUse, ResolvedProfile, Vault};
