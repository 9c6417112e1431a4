//! Locks that are files of this user, and do not stay behind.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use quilt_trust::{Attempt, LockWait};

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
    /// Waits for the lock, up to the deadline.
    pub(crate) fn take(path: &Path, deadline: Instant) -> io::Result<Self> {
        let taken = Self::take_unless(path, deadline, || false)?;
        taken.ok_or_else(|| io::ErrorKind::TimedOut.into())
    }

    /// The same for as long as it is needed: nothing where it no longer is. One that
    /// only other users hold, who could open it once, is replaced.
    pub(crate) fn take_unless(
        path: &Path,
        deadline: Instant,
        is_needless: impl Fn() -> bool,
    ) -> io::Result<Option<Self>> {
        path.parent().map_or(Ok(()), files::create_private_dir)?;
        let mut lock = LockWait::open(path)?;
        loop {
            match lock.attempt()? {
                Attempt::Taken => {
                    return Ok(Some(Self {
                        path: path.to_owned(),
                        _file: lock.into_file(),
                    }));
                }
                Attempt::Replaced(_) => {}
                Attempt::Held if is_needless() => return Ok(None),
                Attempt::Held if Instant::now() >= deadline => {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                Attempt::Held => thread::sleep(PAUSE),
            }
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
        let now = Instant::now();
        let held = LockFile::take(&path, now).unwrap();
        let late = LockFile::take(&path, now).unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
        let needless = LockFile::take_unless(&path, now, || true).unwrap();
        assert!(needless.is_none());
        drop(held);
    }
}
