//! Files written beside the one whose place they take: whoever reads that, now
//! or after a crash, sees the old or the new one.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use quilt_proto::state_files::{CHANCE, Pattern};
use rustix::process::geteuid;
use tempfile::TempPath;

use super::{PreservedPermissions, check};

/// Nothing is written for this long.
const ABANDONED: Duration = Duration::from_mins(1);

/// A file with this content beside `path`, which is removed unless it takes its
/// place. Not synced.
pub fn draft(path: &Path, content: &[u8], mode: u32, names: Pattern) -> io::Result<TempPath> {
    check(path)?;
    let mut file = tempfile::Builder::new()
        .rand_bytes(CHANCE)
        .prefix(names.start)
        .suffix(names.end)
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(directory(path))?;
    file.write_all(content)?;
    Ok(file.into_temp_path())
}

/// The same with the rights of what is there, and with root its owner, or others
/// get nothing; `mode` is for one that is new.
pub fn draft_like(path: &Path, content: &[u8], mode: u32, names: Pattern) -> io::Result<TempPath> {
    let Some(before) = PreservedPermissions::of(path)? else {
        return draft(path, content, mode, names);
    };
    let drafted = draft(path, content, 0o600, names)?;
    let file = OpenOptions::new().write(true).open(&drafted)?;
    if geteuid().is_root() {
        before.give_owner(&file)?;
    }
    before.give(&file)?;
    // As it was asked of the one whose place it takes.
    check(&drafted)?;
    Ok(drafted)
}

/// Gives a draft its name, for good.
pub fn take_place(draft: TempPath, path: &Path) -> io::Result<()> {
    draft.persist(path).map_err(|error| error.error)?;
    sync_directory(path)
}

/// Has a name in a directory, or that it is gone, outlive a crash.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory(path))?.sync_all()
}

/// Removes drafts in a directory of those who were killed; what is being written
/// now is younger than that.
pub fn sweep_drafts(dir: &Path, names: Pattern) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let ours = names.fits(&entry.file_name().to_string_lossy());
        let age = entry.metadata().ok().and_then(|meta| meta.modified().ok());
        let age = age.and_then(|modified| modified.elapsed().ok());
        if ours && age.is_some_and(|age| age > ABANDONED) {
            // Another one may have swept it first.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The directory that a file is in.
pub fn directory(path: &Path) -> &Path {
    path.parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."))
}
