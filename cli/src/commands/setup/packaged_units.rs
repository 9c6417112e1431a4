//! Units that a distribution's package brought, which ours would shadow.

use std::env;
use std::path::{Path, PathBuf};

use super::systemd;
use crate::files;

/// Where packages put units of users (systemd.unit(5)), besides data directories.
const DIRS: [&str; 3] = [
    "/etc/systemd/user",
    "/usr/local/lib/systemd/user",
    "/usr/lib/systemd/user",
];

/// The units of a package, service first, if they start this very program.
pub(super) fn units(daemon: &str) -> Option<[PathBuf; 2]> {
    let data = env::var_os("XDG_DATA_DIRS").unwrap_or_default();
    let data = env::split_paths(&data)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join("systemd/user"));
    let mut all = data.chain(DIRS.map(PathBuf::from));
    all.find_map(|dir| {
        let units = systemd::units(&dir);
        (starts(&units[0], daemon) && units[1].is_file()).then_some(units)
    })
}

fn starts(service: &Path, daemon: &str) -> bool {
    let text = files::text(service).unwrap_or_default();
    systemd::starts(&text).as_deref() == Some(daemon)
}
