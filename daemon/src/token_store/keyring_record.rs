//! `sessions.generation`: replaced with every change in the keyring, which does
//! not say by itself that it was changed. It names the catalogs whose logins are
//! there, for a daemon that cannot reach the keyring.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use quilt_proto::{CatalogUrl, state_files};
use quilt_trust::Role;

use super::{Document, StoreError};
use crate::files;

/// The file's name.
pub(super) const NAME: &str = state_files::SESSIONS_GENERATION;

/// More is not ours, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// Notes whose logins are in the keyring now.
pub(super) fn write(path: &Path, document: &Document) -> io::Result<()> {
    let catalogs: BTreeSet<_> = document.sessions.keys().collect();
    files::replace_private(path, &serde_json::to_vec(&catalogs)?)
}

/// Whose logins are there, as was last noted.
pub(super) fn read(path: &Path) -> Result<BTreeSet<CatalogUrl>, StoreError> {
    let text = files::read(path, Role::State, MAX_BYTES)
        .map_err(|error| StoreError::io("read", path, &error))?;
    // What cannot be understood names nobody; the next write puts it right.
    Ok(text
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default())
}
