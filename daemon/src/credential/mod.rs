//! Vending AWS credentials: one refreshing cache over every way to get them.

mod credentials;
mod entry;
mod error;
mod role_source;
mod source;
mod stack_source;
mod vault;

pub use self::credentials::AwsCredentials;
pub use self::error::CredentialError;
pub use self::vault::{Dependencies, InUse, ResolvedProfile, Vault};
