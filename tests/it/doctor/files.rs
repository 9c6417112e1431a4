//! Ways to spoil the files of a home.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Adds lines to the end of a file.
pub(super) fn append(home: &Path, name: &str, text: &str) {
    let path = home.join(name);
    let mut file = fs::File::options().create(true).append(true).open(path);
    file.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
}

/// Puts something else in the first place where a file has it.
pub(super) fn replace(home: &Path, name: &str, old: &str, new: &str) {
    let path = home.join(name);
    let old = old.replace("{home}", &home.display().to_string());
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(&old), "{name} has no {old}: {text}");
    fs::write(path, text.replacen(&old, new, 1)).unwrap();
}

/// Lets everybody read a file, and go there.
pub(super) fn open(home: &Path, name: &str) {
    let file = home.join(name);
    for (path, mode) in [
        (home, 0o755),
        (file.parent().unwrap(), 0o755),
        (&file, 0o644),
    ] {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
}

/// The profile names a quiltctl that cannot be run.
pub(super) fn no_executable(home: &Path) {
    another(home, 0o644);
}

/// The profile names another quiltctl.
pub(super) fn other_quiltctl(home: &Path) {
    another(home, 0o755);
}

fn another(home: &Path, mode: u32) {
    let path = home.join("another-quiltctl");
    fs::write(&path, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    let path = path.display().to_string();
    replace(home, ".aws/config", "{home}/tools/quiltctl", &path);
}
