//! The Rust client, a program of this very package.

use super::{Client, Unready};

pub(super) fn client() -> Result<Client, Unready> {
    let here = std::env::current_exe().map_err(Unready::failed)?;
    // Tests run from `deps/`, one below the programs that cargo built with them.
    here.ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("rust-client"))
        .find(|program| program.exists())
        .map(Client::new)
        .ok_or_else(|| Unready::failed("`rust-client` is not beside the running program"))
}
