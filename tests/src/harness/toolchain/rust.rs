//! The Rust client, a program of this very workspace.

use super::{Client, Unready};
use crate::harness::binaries;

#[expect(clippy::unnecessary_wraps, reason = "the others can be missing")]
pub(super) fn client() -> Result<Client, Unready> {
    Ok(Client::new(binaries::rust_client()))
}
