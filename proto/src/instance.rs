//! Which daemon runs for a state directory on this machine: what it writes into
//! the lock that it holds for as long as it runs.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::state_files;
use serde::{Deserialize, Serialize};

/// The largest record read, in bytes, and what every one but odd ones has.
const MAX_BYTES: u64 = 16 * 1024;
const USUAL_BYTES: usize = 1024;

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
    state_dir.join(state_files::DAEMON_LOCK.name(machine()))
}

/// The lock beside a socket, which whoever listens there holds.
pub fn socket_lock(socket: &Path) -> PathBuf {
    let mut name = socket.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// The daemon that holds the lock, if one does.
pub fn running(state_dir: &Path) -> Option<Instance> {
    read(&held(&lock_file(state_dir))?)
}

/// Whether a daemon holds the lock, or has just taken it and not said yet what it
/// is.
pub fn is_claimed(state_dir: &Path) -> bool {
    held(&lock_file(state_dir)).is_some_and(|file| {
        let is_empty = file.metadata().is_ok_and(|found| found.len() == 0);
        is_empty || read(&file).is_some()
    })
}

/// A lock's file, where somebody holds it.
pub fn held(lock: &Path) -> Option<File> {
    let file = open(lock).ok()?;
    // Shared, and let go at once: asking must not keep a daemon from starting.
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(file),
        _ => None,
    }
}

/// Whether a file is there whose lock nobody holds.
pub fn is_free(lock: &Path) -> bool {
    open(lock).is_ok_and(|file| file.try_lock().is_ok())
}

/// Opens what is not known to be a file: nobody waits for the other end of a
/// pipe.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    options.open(path)
}

/// What the holder of a lock wrote into it.
pub fn read(file: &File) -> Option<Instance> {
    serde_json::from_str(&text(file)?).ok()
}

/// What a small file says, in one read: every vend does this.
fn text(file: &File) -> Option<String> {
    let mut text = String::with_capacity(USUAL_BYTES);
    file.take(MAX_BYTES).read_to_string(&mut text).ok()?;
    Some(text)
}

/// What a machine is called that says no name.
pub const NO_MACHINE: &str = "here";

/// As much of a machine's name as tells it from another, for a file's name.
pub fn short_machine() -> String {
    machine().chars().take(8).collect()
}

/// A name for this machine since it was started.
pub fn machine() -> String {
    let places = ["/proc/sys/kernel/random/boot_id", "/etc/hostname"];
    let said = places
        .iter()
        .find_map(|place| text(&File::open(place).ok()?));
    let mut name = said.unwrap_or_default();
    name.retain(|c| c.is_ascii_alphanumeric() || c == '-');
    if name.is_empty() {
        NO_MACHINE.to_owned()
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_pipe_in_a_locks_place_keeps_nobody_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let lock = lock_file(dir.path());
        let made = Command::new("mkfifo").arg(&lock).status();
        assert!(made.unwrap().success());
        let (sender, receiver) = mpsc::channel();
        let of = dir.path().to_owned();
        thread::spawn(move || {
            let looked = (running(&of), is_free(&lock_file(&of)));
            sender.send(looked)
        });
        // Much more than a look takes.
        let looked = receiver.recv_timeout(Duration::from_mins(1));
        assert_eq!(looked, Ok((None, true)));
    }

    #[test]
    fn a_lock_is_held_or_free() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        assert!(held(&path).is_none() && !is_free(&path), "not there");
        let file = File::create(&path).unwrap();
        assert!(held(&path).is_none() && is_free(&path));
        file.lock().unwrap();
        assert!(held(&path).is_some() && !is_free(&path));
    }

    #[test]
    fn a_machine_has_one_name_that_files_can_have() {
        let name = machine();
        assert_eq!(name, machine());
        assert!(!name.is_empty() && !name.contains(['/', '.']), "{name}");
    }
}
