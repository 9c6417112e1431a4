//! The other programs of ours, and who could have put them where they are.
//!
//! What is started gets the user's logins, and what set-up writes down is run
//! for as long as it stands. Beside this program, whatever is of the same user
//! is as good as this one. On the path, anybody's directory may come first.

use std::env;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use quilt_trust::Distrust;
use rustix::process::geteuid;

/// A program beside this one, if it is this user's, root's, or of whoever this
/// one is.
pub(crate) fn beside(name: &str) -> Option<PathBuf> {
    let path = env::current_exe().ok()?.parent()?.join(name);
    let is_file = fs::metadata(&path).is_ok_and(|found| found.is_file());
    let is_ours = |found: io::Result<Metadata>| {
        let owner = found.map(|found| found.uid()).ok();
        owner.is_some_and(|owner| [0, geteuid().as_raw(), keeper()].contains(&owner))
    };
    let is_ours = is_ours(fs::metadata(&path)) && is_ours(fs::symlink_metadata(&path));
    (is_file && is_ours).then_some(path)
}

/// Programs of a name on the path. A relative entry means something else in
/// every directory, and is left out.
pub(crate) fn on_path(name: &str) -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let dirs: Vec<_> = env::split_paths(&path).collect();
    let programs = dirs.into_iter().map(move |dir| dir.join(name));
    programs.filter(|path| path.is_absolute() && path.is_file())
}

/// Passes if nobody could have put a program there but this user, root, or
/// whoever this one is of.
pub(crate) fn check(program: &Path) -> Result<(), Distrust> {
    quilt_trust::check_kept(program, keeper())
}

/// Whose this program is.
fn keeper() -> u32 {
    // Whatever lies at its path by now.
    let running = fs::metadata("/proc/self/exe");
    let running = running.or_else(|_| fs::metadata(env::current_exe()?));
    running.map_or(0, |running| running.uid())
}
