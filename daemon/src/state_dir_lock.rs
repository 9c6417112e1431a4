//! One daemon for a state directory and machine: a lock there, held for the
//! daemon's life, that says where it listens.

use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use quilt_proto::instance::{Instance, lock_file, read};
use quilt_proto::{Command, quoted, state_files};
use quilt_trust::{Attempt, Distrust, LockWait};

/// How often a lock that is held is looked at before it is another daemon's.
const MOST_LOOKS: u32 = 20;

/// The time between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Locks of machines that were started anew long ago are removed.
const OLD: Duration = Duration::from_hours(30 * 24);

/// The right to be the daemon, held until dropped. The system releases it with
/// the process, however that ends.
#[derive(Debug)]
pub struct InstanceLock {
    // Declared first: the name goes while the lock is held.
    _name: Name,
    _file: File,
}

/// The lock's file, which does not stay behind.
#[derive(Debug)]
struct Name(PathBuf);

impl Drop for Name {
    fn drop(&mut self) {
        // Nobody else's: the lock is still held.
        let _ = fs::remove_file(&self.0);
    }
}

/// Why a daemon must not start.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// Another one runs.
    #[error("another quiltd{} already runs for {}{}", pid(running.as_ref()), quoted::path(dir), place(running.as_ref()))]
    Running {
        /// The state directory.
        dir: PathBuf,
        /// What it says of itself.
        running: Option<Instance>,
    },
    /// The lock's file may be somebody else's doing.
    #[error(transparent)]
    Distrusted(#[from] Distrust),
    /// The system refused.
    #[error("cannot lock {}: {source}", quoted::path(path))]
    Lock {
        /// The lock.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl InstanceError {
    /// The command that mends it, or shows why it cannot be.
    pub fn remedy(&self) -> Command {
        match self {
            Self::Running { running, .. } => {
                let socket = running.as_ref().map(|running| running.socket.as_path());
                stop(socket)
            }
            Self::Distrusted(distrust) => distrust.remedy(),
            Self::Lock { path, .. } => Command::of("ls -l").path(path),
        }
    }
}

/// Ends the daemon that listens there, which clients look for elsewhere if they
/// are told nothing.
pub(crate) fn stop(socket: Option<&Path>) -> Command {
    Command::to_daemon(socket, "daemon stop")
}

fn pid(running: Option<&Instance>) -> String {
    running.map_or_else(String::new, |it| format!(" (pid {})", it.pid))
}

fn place(running: Option<&Instance>) -> String {
    running.map_or_else(String::new, |it| {
        format!(", on {}", quoted::path(&it.socket))
    })
}

/// Takes the lock of a state directory, at once or not at all. `socket` is
/// where this daemon listens, and `also` where else.
pub fn claim(
    dir: &Path,
    socket: &Path,
    also: Option<&Path>,
) -> Result<InstanceLock, InstanceError> {
    quilt_trust::make_dir(dir)?;
    let path = lock_file(dir);
    let failed = |source| InstanceError::Lock {
        path: path.clone(),
        source,
    };
    let mut lock = LockWait::open(&path)?;
    let mut looks = 0;
    loop {
        match lock.attempt().map_err(failed)? {
            Attempt::Taken => break,
            Attempt::Replaced(held) => tracing::warn!("{held}: another file has its place now"),
            // Clients that look who holds it hold it themselves for a moment.
            Attempt::Held if looks < MOST_LOOKS => {
                looks += 1;
                std::thread::sleep(LOOK_AGAIN);
            }
            Attempt::Held => {
                return Err(InstanceError::Running {
                    dir: dir.to_owned(),
                    running: read(lock.file()),
                });
            }
        }
    }
    let mut file = lock.into_file();
    let own = Instance {
        pid: std::process::id(),
        socket: socket.to_owned(),
        also: also.map(Path::to_owned),
    };
    // Whoever cannot read it still sees the lock. It works as well on a full
    // disk.
    let written = serde_json::to_vec(&own)
        .map_err(io::Error::from)
        .and_then(|text| {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(&text)
        });
    if let Err(error) = written {
        tracing::warn!("cannot write to {}: {error}", path.display());
    }
    sweep(dir, &path);
    Ok(InstanceLock {
        _name: Name(path),
        _file: file,
    })
}

/// Removes the locks of machines, or earlier runs of this one, that have not
/// been taken for long.
fn sweep(dir: &Path, own: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !state_files::DAEMON_LOCK.fits(&name) || entry.path() == own {
            continue;
        }
        let age = entry.metadata().ok().and_then(|it| it.modified().ok());
        let age = age.and_then(|modified| modified.elapsed().ok());
        if age.is_some_and(|age| age > OLD) && quilt_proto::instance::is_free(&entry.path()) {
            // Another daemon may have swept it first.
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_it_until_the_end_and_says_where_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let socket = Path::new("/run/it's/quiltd.sock");
        let held = claim(&state, socket, None).unwrap();
        let running = quilt_proto::instance::running(&state).unwrap();
        assert_eq!(
            (running.pid, &*running.socket),
            (std::process::id(), socket)
        );
        let refused = claim(&state, Path::new("/elsewhere"), None).unwrap_err();
        let line = refused.to_string();
        assert!(
            line.ends_with("/state, on “/run/it's/quiltd.sock”"),
            "{line}"
        );
        assert_eq!(
            refused.remedy().to_string(),
            r#"quiltctl --socket '/run/it'"'"'s/quiltd.sock' daemon stop"#
        );
        drop(held);
        assert_eq!(quilt_proto::instance::running(&state), None);
        assert_eq!(fs::read_dir(&state).unwrap().count(), 0, "left behind");
        claim(&state, socket, None).unwrap();
    }
}
