//! Logins and keys that other programs keep in files which others can read.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use quilt_proto::wire::{Finding, FindingCode};
use quilt_proto::{Command, locations, python_sdk, quoted};
use rustix::process::geteuid;

use crate::aws_files::{self, CREDENTIALS_ENV};

/// Where quilt3 keeps its login, and the credentials made from it.
const OF_QUILT3: [&str; 2] = [python_sdk::AUTH_FILE, python_sdk::CREDENTIALS_FILE];

pub(super) fn check() -> Vec<Finding> {
    let of_quilt3 = locations::python_sdk_dir().into_iter();
    let of_quilt3 = of_quilt3.flat_map(|dir| OF_QUILT3.map(|name| dir.join(name)));
    let files = of_quilt3.chain(aws_files::place(CREDENTIALS_ENV));
    files.filter_map(|file| finding(&file)).collect()
}

fn finding(file: &Path) -> Option<Finding> {
    let found = file.metadata().ok()?;
    // One with nothing in it keeps nothing from anybody, and another user's is told
    // of as that.
    if found.len() == 0 || found.uid() != geteuid().as_raw() {
        return None;
    }
    let readers = quilt_trust::readers(file)?;
    let what = format!(
        "{} can be read by {readers}: it is where a login or keys are kept",
        quoted::path(file)
    );
    let close = Command::of("chmod go=").path(file);
    Some(Finding::warning(FindingCode::SecretReadable, what, close))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_others_can_reach_and_read_is_told_of() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("auth.json");
        let modes = |of_dir, of_file| {
            fs::set_permissions(dir.path(), Permissions::from_mode(of_dir)).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(of_file)).unwrap();
            finding(&file)
        };
        assert_eq!(finding(&file), None);
        fs::write(&file, "canary").unwrap();
        let found = modes(0o755, 0o644).unwrap();
        assert_eq!(found.hint, Command::of("chmod go=").path(&file));
        assert!(!format!("{found:?}").contains("canary"));
        assert_eq!(modes(0o700, 0o644), None);
        assert_eq!(modes(0o755, 0o600), None);
        // A directory need not be listed to be gone through.
        assert!(modes(0o711, 0o604).is_some());
        fs::write(&file, "").unwrap();
        assert_eq!(modes(0o755, 0o644), None);
    }
}
