//! Vending AWS credentials: one refreshing cache over every way to get them.

mod error;
mod role_source;
mod source;
mod stack_source;
mod vault;

pub use self::error::CredentialError;
pub use self::stack_source::AwsCredentials;
pub use self::vault::{Parts, Vault, Wanted};
