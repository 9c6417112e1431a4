//! Files that are not to be replaced, and the lines to add to them by hand.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use quilt_proto::{Command, quoted};
use quilt_trust::mounts::{Mount, mounts};

use super::edit::{self, DesiredProfile};
use crate::exit::{self, Failure};
use crate::output;

/// The lines to add, and why this program does not.
pub(super) fn by_hand(
    path: &Path,
    wanted: &DesiredProfile<'_>,
    what: &str,
    hint: Command,
) -> Failure {
    output::note(format_args!(
        "These lines belong into {}:",
        quoted::path(path)
    ));
    for line in edit::section(wanted).lines() {
        output::note(line);
    }
    let what = format!("{}: {what}: nothing was changed", quoted::path(path));
    Failure::new(exit::INPUT, what).hint(hint)
}

/// Why a file is not to be replaced: its owner wants it read-only, or it is
/// mounted there, as into a container.
pub(super) fn unwritable_file(path: &Path) -> Option<(&'static str, Command)> {
    let target = fs::canonicalize(path).ok()?;
    let file = fs::metadata(&target).ok()?;
    if file.permissions().readonly() {
        return Some(("it is read-only", Command::of("chmod u+w").path(path)));
    }
    let dir = fs::metadata(target.parent()?).ok()?;
    let is_place = |mount: &Mount| mount.place == target;
    let is_mounted = file.dev() != dir.dev() || mounts().iter().any(is_place);
    is_mounted.then(|| ("it is a mount of its own", Command::edit(path)))
}
