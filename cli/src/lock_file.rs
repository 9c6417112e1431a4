//! Locks that are files of this user, and do not stay behind.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use quilt_trust::{Access, Role};
use rustix::fs::{FlockOperation, flock};

use crate::files;

/// How often to look whether a lock is free.
const PAUSE: Duration = Duration::from_millis(10);

/// A lock, held until dropped. The system releases it with the process.
#[derive(Debug)]
pub(crate) struct LockFile {
    path: PathBuf,
    _file: File,
}

impl LockFile {
    /// Takes the lock; nothing where somebody else has it.
    pub(crate) fn try_take(path: &Path) -> io::Result<Option<Self>> {
        path.parent().map_or(Ok(()), files::create_private_dir)?;
        loop {
            let file = quilt_trust::open_or_make(path, Role::State, Access::Append)?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) if quilt_trust::is_at(&file, path) => {
                    return Ok(Some(Self {
                        path: path.to_owned(),
                        _file: file,
                    }));
                }
                // Whoever had it has removed it since it was opened.
                Ok(()) => {}
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Waits for the lock, up to the deadline.
    pub(crate) fn take(path: &Path, deadline: Instant) -> io::Result<Self> {
        loop {
            if let Some(lock) = Self::try_take(path)? {
                return Ok(lock);
            }
            if Instant::now() >= deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            thread::sleep(PAUSE);
        }
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // Nobody else's: it is still locked.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn one_has_it_at_a_time_and_nothing_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state/x.lock");
        let (inside, entered) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let deadline = Instant::now() + Duration::from_mins(1);
                        let _lock = LockFile::take(&path, deadline).unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        entered.fetch_add(1, Ordering::SeqCst);
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(entered.into_inner(), 400);
        assert!(!path.exists());
        let held = LockFile::try_take(&path).unwrap().unwrap();
        assert!(LockFile::try_take(&path).unwrap().is_none());
        drop(held);
    }
}
