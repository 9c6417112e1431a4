//! Which daemon runs for a state directory on this machine: what it writes into
//! the lock that it holds for as long as it runs.

use std::fs::{self, File, TryLockError};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The largest record read, in bytes.
const MAX_BYTES: u64 = 16 * 1024;

/// A daemon that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its process id, in the namespace it was started in.
    pub pid: u32,
    /// Where it listens.
    pub socket: PathBuf,
    /// Where else it listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub also: Option<PathBuf>,
}

/// The lock in a state directory. It has the name of this run of this machine,
/// whatever the namespace: on another machine that shares the directory, a
/// daemon of its own is right, and a lock of its own.
pub fn lock_file(state_dir: &Path) -> PathBuf {
    state_dir.join(format!("daemon-{}.lock", machine()))
}

/// The daemon that holds the lock, if one does.
pub fn running(state_dir: &Path) -> Option<Instance> {
    let file = File::open(lock_file(state_dir)).ok()?;
    // Shared, and let go at once: asking must not keep a daemon from starting.
    if !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
        return None;
    }
    read(&file)
}

/// What the holder of a lock wrote into it.
pub fn read(file: &File) -> Option<Instance> {
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// A name for this machine since it was started.
pub fn machine() -> String {
    let places = ["/proc/sys/kernel/random/boot_id", "/etc/hostname"];
    let text = places
        .iter()
        .find_map(|place| fs::read_to_string(place).ok());
    let plain = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    let name: String = text.unwrap_or_default().chars().filter(plain).collect();
    if name.is_empty() {
        "here".to_owned()
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_one_name_that_files_can_have() {
        let name = machine();
        assert_eq!(name, machine());
        assert!(!name.is_empty() && !name.contains(['/', '.']), "{name}");
    }
}
