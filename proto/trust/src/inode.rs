//! By what one file is told from another.

use std::fs::{self, File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The device and the number of a file there.
pub type Inode = (u64, u64);

/// Of what was found.
pub fn inode(found: &Metadata) -> Inode {
    (found.dev(), found.ino())
}

/// Whether a path still leads to an open file, whose lock is worth nothing else.
pub fn is_at(file: &File, path: &Path) -> bool {
    let (open, there) = (file.metadata(), fs::symlink_metadata(path));
    open.is_ok_and(|open| there.is_ok_and(|there| inode(&open) == inode(&there)))
}
