//! Locks that other daemons on the same state directory respect: `flock` on
//! files of their own, never on the data.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use quilt_proto::{CatalogUrl, hex, state_files};
use quilt_trust::{Attempt, Held, LockWait};
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio::time::Instant;

use super::StoreError;

/// How long to wait for another process, and for those of this process that came
/// before, all in all: all of them wait for the same.
const TIMEOUT: Duration = Duration::from_secs(20);

/// How long those of this process that came before may hold the right to rotate:
/// as long as one of them may wait for another process and for a stack.
const ROTATION: Duration = Duration::from_mins(1);

/// How often to look whether it let go. `flock` has no timeout of its own, and
/// a thread stuck in it could not be given up.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The log tells of what is waited for longer: other daemons hold it for as long
/// as it takes to write a small file, or to ask a stack.
const LONG: Duration = Duration::from_secs(5);

/// Held until dropped.
#[derive(Debug)]
pub struct LockGuard {
    _file: Option<File>,
    _turn: OwnedMutexGuard<()>,
}

/// The locks of a state directory, or of this process alone.
#[derive(Clone)]
pub(super) struct Locks {
    dir: Option<Arc<Path>>,
    turns: Arc<Mutex<HashMap<String, Arc<AsyncMutex<()>>>>>,
    /// Those that another process has while this one waits.
    waiting: Waiting,
}

type Waiting = Arc<Mutex<Vec<PathBuf>>>;

impl Locks {
    pub(super) fn in_process() -> Self {
        Self {
            dir: None,
            turns: Arc::default(),
            waiting: Arc::default(),
        }
    }

    pub(super) fn in_dir(dir: &Path) -> Self {
        Self {
            dir: Some(dir.into()),
            turns: Arc::default(),
            waiting: Arc::default(),
        }
    }

    pub(super) async fn document(&self) -> Result<LockGuard, StoreError> {
        let name = state_files::SESSIONS_LOCK.to_owned();
        self.take(name, Duration::ZERO).await
    }

    pub(super) async fn known_catalogs(&self) -> Result<LockGuard, StoreError> {
        let name = state_files::CATALOGS_LOCK.to_owned();
        self.take(name, Duration::ZERO).await
    }

    pub(super) async fn rotation(&self, catalog: &CatalogUrl) -> Result<LockGuard, StoreError> {
        self.take(rotation(catalog), ROTATION).await
    }

    /// The lock that keeps a catalog's login from being renewed, because another
    /// process has it.
    pub(super) fn waits_for(&self, catalog: &CatalogUrl) -> Option<PathBuf> {
        let names = [rotation(catalog), state_files::SESSIONS_LOCK.to_owned()];
        let waiting = self.waiting.lock();
        let found = waiting
            .iter()
            .find(|path| names.iter().any(|name| path.ends_with(name)));
        found.cloned()
    }

    /// What a session's changes wait for, where it is not known better.
    pub(super) fn busy(&self) -> StoreError {
        let name = Path::new(state_files::SESSIONS_LOCK);
        let path = self.dir.as_ref().map(|dir| dir.join(name));
        StoreError::Busy(Held::look(path.as_deref().unwrap_or(name)))
    }

    /// A lock that those of this process hold for no longer than `held`, the
    /// wait for another process apart.
    async fn take(&self, name: String, held: Duration) -> Result<LockGuard, StoreError> {
        let deadline = Instant::now() + TIMEOUT;
        let turn = {
            let mut turns = self.turns.lock();
            Arc::clone(turns.entry(name.clone()).or_default())
        };
        let path = self.dir.as_ref().map(|dir| dir.join(&name));
        let turn = tokio::time::timeout_at(deadline + held, turn.lock_owned()).await;
        let busy = || {
            let path = path.as_deref().unwrap_or(Path::new(&name));
            StoreError::Busy(Held::look(path))
        };
        let turn = turn.map_err(|_| busy())?;
        let file = match path {
            None => None,
            Some(path) => {
                // After a rotation of this process, the other one has its time still.
                let deadline = if held.is_zero() {
                    deadline
                } else {
                    Instant::now() + TIMEOUT
                };
                Some(flock(path, &self.waiting, deadline).await?)
            }
        };
        Ok(LockGuard {
            _file: file,
            _turn: turn,
        })
    }
}

/// The name of the lock of the right to rotate a catalog's refresh token.
fn rotation(catalog: &CatalogUrl) -> String {
    let digest = Sha256::digest(catalog.as_str());
    state_files::ROTATION_LOCK.name(hex(&digest[..8]))
}

/// Says what is waited for until it is dropped.
struct WaitsFor<'a>(&'a Waiting, &'a Path);

impl<'a> WaitsFor<'a> {
    fn new(waiting: &'a Waiting, path: &'a Path) -> Self {
        let mut paths = waiting.lock();
        paths.push(path.to_owned());
        Self(waiting, path)
    }
}

impl Drop for WaitsFor<'_> {
    fn drop(&mut self) {
        let mut paths = self.0.lock();
        if let Some(at) = paths.iter().position(|path| path == self.1) {
            paths.swap_remove(at);
        }
    }
}

async fn flock(path: PathBuf, waiting: &Waiting, deadline: Instant) -> Result<File, StoreError> {
    let mut lock = LockWait::open(&path)?;
    let looking = async {
        let mut said = None;
        let (begun, mut is_logged) = (Instant::now(), false);
        loop {
            match lock.attempt()? {
                Attempt::Taken => return Ok(lock.into_file()),
                Attempt::Replaced(held) => tracing::warn!("{held}: another file has its place now"),
                Attempt::Held => {
                    said.get_or_insert_with(|| WaitsFor::new(waiting, &path));
                    if begun.elapsed() > LONG && !std::mem::replace(&mut is_logged, true) {
                        tracing::warn!("{}", Held::look(&path));
                    }
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
            }
        }
    };
    let locked: Result<io::Result<File>, _> = tokio::time::timeout_at(deadline, looking).await;
    match locked {
        Err(_) => Err(StoreError::Busy(Held::look(&path))),
        Ok(Err(error)) => Err(StoreError::io("lock", &path, &error)),
        Ok(Ok(file)) => Ok(file),
    }
}
