//! Copies of `config.yml` from before it was written anew, as the Python SDK keeps
//! and names them.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use quilt_proto::python_sdk;
use quilt_trust::PreservedPermissions;

/// Keeps a copy of what is there, with its rights, whatever the directory gives.
/// Answers whether that is `text` already, of which no copy is needed.
pub(super) fn keep(path: &Path, text: &str) -> io::Result<bool> {
    let Ok(found) = fs::metadata(path) else {
        return Ok(false);
    };
    if !found.is_file() {
        // A pipe would never be read to its end.
        return Err(io::Error::other("it is not a file"));
    }
    if fs::read(path).is_ok_and(|there| there == text.as_bytes()) {
        return Ok(true);
    }
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S.%6fZ");
    let backup = path.with_file_name(format!("{}.backup.{now}", python_sdk::CONFIG_FILE));
    let rights = PreservedPermissions::of(path)?;
    fs::copy(path, &backup)?;
    let copy = OpenOptions::new().write(true).open(&backup)?;
    rights.map_or(Ok(()), |rights| rights.give(&copy))?;
    Ok(false)
}
