//! Locks that other daemons on the same state directory respect: `flock` on
//! files of their own, never on the data.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quilt_proto::CatalogUrl;
use quilt_trust::{Access, Role};
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use super::StoreError;

/// How long to wait for another process, all in all.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often to look whether it let go. `flock` has no timeout of its own, and
/// a thread stuck in it could not be given up.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

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
}

impl Locks {
    pub(super) fn in_process() -> Self {
        Self {
            dir: None,
            turns: Arc::default(),
        }
    }

    pub(super) fn in_dir(dir: &Path) -> Self {
        Self {
            dir: Some(dir.into()),
            turns: Arc::default(),
        }
    }

    pub(super) async fn document(&self) -> Result<LockGuard, StoreError> {
        self.take("sessions.lock".to_owned()).await
    }

    pub(super) async fn known(&self) -> Result<LockGuard, StoreError> {
        self.take("catalogs.lock".to_owned()).await
    }

    pub(super) async fn rotation(&self, catalog: &CatalogUrl) -> Result<LockGuard, StoreError> {
        let digest = Sha256::digest(catalog.as_str());
        let mut name = [0; 8];
        name.copy_from_slice(&digest[..8]);
        let name = format!("{:016x}", u64::from_be_bytes(name));
        self.take(format!("rotation-{name}.lock")).await
    }

    async fn take(&self, name: String) -> Result<LockGuard, StoreError> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(name.clone()).or_default())
        };
        let turn = turn.lock_owned().await;
        let file = match &self.dir {
            None => None,
            Some(dir) => Some(flock(dir.join(name)).await?),
        };
        Ok(LockGuard {
            _file: file,
            _turn: turn,
        })
    }
}

async fn flock(path: PathBuf) -> Result<File, StoreError> {
    let file = quilt_trust::open_or_make(&path, Role::State, Access::Lock)?;
    let looking = async {
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(LOOK_AGAIN).await,
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    };
    let locked: Result<io::Result<()>, _> = tokio::time::timeout(PATIENCE, looking).await;
    match locked {
        Err(_) => Err(StoreError::Busy(path)),
        Ok(Err(error)) => Err(StoreError::io("lock", &path, &error)),
        Ok(Ok(())) => Ok(file),
    }
}
