//! Grants: expiring, revocable rights to use one thing over loopback HTTP.
//!
//! A grant is a random token and what it opens. While one exists, a listener
//! on 127.0.0.1 takes requests of its kind; with the last it goes away. What a
//! token opens is a [`Right`]; a new kind of right is a new variant and a
//! route, and shares everything else: tokens, expiry, revocation and guard.

mod error;
mod issued;
mod lifetime;
mod persistent;
mod process_handle;
mod quota;
mod resume;
mod right;
mod saving;
mod store;
mod supersede;
#[cfg(test)]
mod tests;
mod token;
mod token_files;
mod usage;
pub mod without_api_keys;

pub use self::error::GrantError;
pub use self::issued::{AuthorizedGrant, Issued, Life};
#[cfg(any(test, fuzzing))]
pub(crate) use self::persistent::fuzz_kept;
pub use self::process_handle::{ProcessHandle, ProcessHandleError};
pub use self::right::{Kind, Right};
pub use self::store::{Endpoint, Grants};
pub use self::token::{STATED_LIFETIME_SECONDS, is_token};
