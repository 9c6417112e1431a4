//! The commands that mend things.

use std::io::ErrorKind;
use std::path::Path;

use quilt_proto::PackageName;
use quilt_proto::shell::quoted;

use crate::store::StoreError;

/// Puts the clock right.
pub(super) const SET_CLOCK: &str = if cfg!(target_os = "macos") {
    "sudo sntp -sS time.apple.com"
} else {
    "sudo timedatectl set-ntp true"
};

/// Opens a file in the user's editor.
pub(super) fn edit(path: &Path) -> String {
    format!("${{EDITOR:-vi}} {}", self::path(path))
}

/// Shows why the system did not let us: how full the disk is, or whose the
/// file and its directory are. `reason` is what it said.
pub(super) fn look(path: &Path, reason: &str) -> String {
    let there = |path: &&Path| path.symlink_metadata().is_ok();
    let nearest = path.ancestors().find(there).unwrap_or(path);
    let full = [ErrorKind::StorageFull, ErrorKind::QuotaExceeded]
        .iter()
        .any(|kind| reason.contains(&kind.to_string()));
    match nearest.parent() {
        _ if full => format!("df -h {}", self::path(nearest)),
        Some(dir) if nearest == path => format!("ls -ld {} {}", self::path(dir), self::path(path)),
        _ => format!("ls -ld {}", self::path(nearest)),
    }
}

/// What the token store needs.
pub fn store(error: &StoreError) -> String {
    match error {
        StoreError::Distrusted(distrust) => distrust.remedy(),
        StoreError::Newer(path) => format!("mv {0} {0}.newer", self::path(path)),
        StoreError::Io { path, reason, .. } => look(path, reason),
        // A new daemon takes the keyring if it answers, else the file.
        StoreError::Busy(_) | StoreError::Keyring(_) => "quiltctl daemon restart".to_owned(),
    }
}

/// Shows what there is of a package.
pub(super) fn versions(name: &PackageName, registry: &str) -> String {
    format!(
        "quiltctl packages versions {name} --registry {}",
        quoted(registry)
    )
}

/// Shows what there is in a registry.
pub(super) fn list(registry: &str) -> String {
    format!("quiltctl packages list {}", quoted(registry))
}

/// A path as a shell reads it.
pub(super) fn path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

/// A line that ends with what to run, taken apart.
pub fn apart(line: &str) -> (String, Option<String>) {
    match line.split_once("; run: ") {
        Some((what, hint)) => (what.to_owned(), Some(hint.to_owned())),
        None => (line.to_owned(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_at_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a/b");
        let at = path(dir.path());
        assert_eq!(look(&file, "permission denied"), format!("ls -ld {at}"));
        std::fs::create_dir(dir.path().join("a")).unwrap();
        std::fs::write(&file, "").unwrap();
        assert_eq!(look(&file, "x"), format!("ls -ld {at}/a {at}/a/b"));
        assert_eq!(
            look(&file, &ErrorKind::StorageFull.to_string()),
            format!("df -h {at}/a/b")
        );
        assert_eq!(look(Path::new("/"), "x"), "ls -ld /");
    }
}
