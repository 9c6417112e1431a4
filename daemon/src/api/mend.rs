//! The commands that mend things.

use std::io::ErrorKind;
use std::path::Path;

use quilt_proto::PackageName;

use crate::store::StoreError;

/// Puts the clock right.
pub(super) const SET_CLOCK: &str = if cfg!(target_os = "macos") {
    "sudo sntp -sS time.apple.com"
} else {
    "sudo timedatectl set-ntp true"
};

/// Opens a file in the user's editor.
pub(super) fn edit(path: &Path) -> String {
    format!("${{EDITOR:-vi}} {}", quoted(&path.to_string_lossy()))
}

/// Shows why the system did not let us: how full the disk is, or whose the
/// file and its directory are. `reason` is what it said.
pub(super) fn look(path: &Path, reason: &str) -> String {
    let there = |path: &&Path| path.symlink_metadata().is_ok();
    let nearest = path.ancestors().find(there).unwrap_or(path);
    let full = [ErrorKind::StorageFull, ErrorKind::QuotaExceeded]
        .iter()
        .any(|kind| reason.contains(&kind.to_string()));
    let quoted = |path: &Path| quoted(&path.to_string_lossy());
    match nearest.parent() {
        _ if full => format!("df -h {}", quoted(nearest)),
        Some(dir) if nearest == path => format!("ls -ld {} {}", quoted(dir), quoted(path)),
        _ => format!("ls -ld {}", quoted(nearest)),
    }
}

/// What the token store needs.
pub fn store(error: &StoreError) -> String {
    let quoted = |path: &Path| quoted(&path.to_string_lossy());
    match error {
        StoreError::Unsafe { path, .. } => format!("chmod 700 {}", quoted(path)),
        StoreError::Newer(path) => format!("mv {0} {0}.newer", quoted(path)),
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

/// A word as a shell reads it.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./@%+,=:".contains(c);
    if word.chars().all(plain) && !word.is_empty() {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        for word in ["plain/a@b", "two words", "it's", "$(x)", ""] {
            let said = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {}", quoted(word))])
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(said.stdout).unwrap(), word);
        }
    }

    #[test]
    fn what_is_looked_at_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a/b");
        let at = quoted(&dir.path().to_string_lossy());
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
