//! A home that is not this user's, as `sudo -E`, `su -m` and containers leave
//! it, and places that cannot be written.

use std::env;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use quilt_proto::{Command, locations};
use rustix::process::geteuid;

use super::access_check::{self, Owner};
use super::{Distrust, users};

/// What `HOME` is, where it is not this user's, and what makes it so. Root may
/// have any home: it could be whoever's that is.
pub fn of_others() -> Option<(PathBuf, Command)> {
    let user = geteuid().as_raw();
    let home = PathBuf::from(env::var_os("HOME").filter(|home| !home.is_empty())?);
    if user == 0 || is_ours(&home) || is_for_everybody(&home) {
        return None;
    }
    Some((home, own(user)))
}

/// Names a home that is this user's: the one of the account, else a new one.
fn own(user: u32) -> Command {
    let account = users::home(user).filter(|home| is_ours(home));
    match account {
        Some(home) => Command::of("export").variable("HOME", home.display()),
        None => locations::NoHome::HINT.into(),
    }
}

/// Whether it is this user's; also where its file system cannot tell.
fn is_ours(dir: &Path) -> bool {
    dir.metadata().is_ok_and(|found| {
        let judged = access_check::own(dir, &found, Owner::User);
        found.is_dir() && !matches!(judged, Err(Distrust::Foreign { .. }))
    })
}

/// As /tmp is, which people who have no home name as one.
fn is_for_everybody(dir: &Path) -> bool {
    dir.metadata()
        .is_ok_and(|found| found.mode() & access_check::STICKY != 0)
}

/// The command for a place that the system did not let us use: it names another
/// place where that is what helps, else it shows why.
pub(crate) fn elsewhere(path: &Path, kind: ErrorKind) -> Command {
    if let Some((home, command)) = of_others()
        && path.starts_with(&home)
    {
        return command;
    }
    let is_ours = locations::state_dir().is_ok_and(|state| path.starts_with(state));
    if kind == ErrorKind::ReadOnlyFilesystem && is_ours {
        return "export QUILTD_STATE_DIR=\"$(mktemp -d)\"".into();
    }
    look(path, kind)
}

/// Shows why the system did not let us: how full the disk is, whether it is
/// read-only, or whose the file and its directory are.
pub fn look(path: &Path, kind: ErrorKind) -> Command {
    let there = |path: &&Path| path.symlink_metadata().is_ok();
    let nearest = path.ancestors().find(there).unwrap_or(path);
    match (kind, nearest.parent()) {
        (ErrorKind::StorageFull | ErrorKind::QuotaExceeded, _) => {
            Command::of("df -h").path(nearest)
        }
        (ErrorKind::ReadOnlyFilesystem, _) if cfg!(target_os = "linux") => {
            Command::of("findmnt -T").path(nearest)
        }
        (ErrorKind::ReadOnlyFilesystem, _) => "mount".into(),
        (_, Some(dir)) if nearest == path => Command::of("ls -ld").path(dir).path(path),
        _ => Command::of("ls -ld").path(nearest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_at_is_there_and_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a/b");
        let at = dir.path().display();
        let is = |kind, line: String| assert_eq!(look(&file, kind), line.as_str());
        is(ErrorKind::PermissionDenied, format!("ls -ld {at}"));
        is(ErrorKind::StorageFull, format!("df -h {at}"));
        std::fs::create_dir(dir.path().join("a")).unwrap();
        std::fs::write(&file, "").unwrap();
        is(
            ErrorKind::PermissionDenied,
            format!("ls -ld {at}/a {at}/a/b"),
        );
        is(ErrorKind::QuotaExceeded, format!("df -h {at}/a/b"));
        #[cfg(target_os = "linux")]
        is(
            ErrorKind::ReadOnlyFilesystem,
            format!("findmnt -T {at}/a/b"),
        );
        assert_eq!(look(Path::new("/"), ErrorKind::Other), "ls -ld /");
    }
}
