//! Whether the runtime directory that the environment names is one to use.

use std::path::Path;

use directories::BaseDirs;

/// The runtime directory. It may be gone while the variable is still set, and
/// after `su` the variable is still the other user's.
pub(crate) fn runtime_directory(dirs: &BaseDirs) -> Option<&Path> {
    dirs.runtime_dir().filter(|dir| is_ours(dir))
}

/// Whether there is such a directory, and no other user's. Where it is part of a
/// container it may be root's. One that others may write to, such as /tmp, is
/// none: there, whoever comes first has the name.
#[cfg(unix)]
fn is_ours(dir: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let user = rustix::process::geteuid();
    let is_ours = |owner| owner == user.as_raw() || owner == rustix::process::Uid::ROOT.as_raw();
    dir.metadata()
        .is_ok_and(|about| about.is_dir() && is_ours(about.uid()) && about.mode() & 0o022 == 0)
}

#[cfg(not(unix))]
fn is_ours(dir: &Path) -> bool {
    dir.is_dir()
}
