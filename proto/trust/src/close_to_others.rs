//! Files of the program's own are closed to others, where their mode was wider.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::Distrust;

/// Lets nobody else read or lock a file of the program's own: whoever may read a
/// lock may hold it (flock(2)).
pub(crate) fn close_to_others(path: &Path, file: &File, found: &Metadata) -> Result<(), Distrust> {
    let of_others = found.mode() & 0o077;
    if of_others == 0 {
        return Ok(());
    }
    match file.set_permissions(fs::Permissions::from_mode(0o600)) {
        // Else it is a file system that shows one mode for everything, or lets nobody change.
        Err(error) if !is_unchangeable(&error) => {
            Err(Distrust::io("close to others", path, &error))
        }
        _ => Ok(()),
    }
}

fn is_unchangeable(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem, Unsupported};
    matches!(
        error.kind(),
        PermissionDenied | ReadOnlyFilesystem | Unsupported
    )
}
