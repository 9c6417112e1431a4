//! The file, until there is a keyring: one that was locked, slow or not there
//! when the daemon started does not decide for the daemon's life.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::RwLock;

use super::backend::{Backend, Reservation};
use super::file::FileBackend;
use super::keyring::KeyringBackend;
use super::keyring_presence::is_unlocked;
use super::open::merge;
use super::{Document, Store, StoreError, StoreNote};
use crate::files::{self, Stamp};

/// How often to look whether there is a keyring.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// How long a keyring that says it is unlocked may take to answer.
const TIMEOUT: Duration = Duration::from_secs(2);

pub(super) struct MigratingBackend {
    file: Arc<FileBackend>,
    current: RwLock<Arc<dyn Backend>>,
    dir: PathBuf,
}

impl MigratingBackend {
    pub(super) fn new(file: FileBackend, dir: PathBuf) -> Self {
        let file = Arc::new(file);
        Self {
            current: RwLock::new(Arc::clone(&file) as _),
            file,
            dir,
        }
    }

    fn current(&self) -> Arc<dyn Backend> {
        let current = self.current.read();
        Arc::clone(&current)
    }

    /// Moves into a keyring as soon as there is one. `store` is over this.
    pub(super) async fn migrate_to_keyring(self: Arc<Self>, store: Store) {
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            if !is_unlocked().await {
                continue;
            }
            let moved = match KeyringBackend::connect(&self.dir, TIMEOUT).await {
                Ok(keyring) => self.move_into(keyring, &store).await,
                Err(error) => Err(error),
            };
            match moved {
                Ok(()) => {
                    tracing::info!("tokens are kept in the keyring from now on");
                    return;
                }
                Err(error) => tracing::debug!("tokens stay where they are: {error}"),
            }
        }
    }

    async fn move_into(&self, keyring: KeyringBackend, store: &Store) -> Result<(), StoreError> {
        // Nobody reads or writes meanwhile.
        let _guard = store.locks.document().await?;
        let mut document = keyring.read().await?;
        merge(&mut document, self.file.read().await?);
        keyring.write(&document, Reservation::default()).await?;
        let mut current = self.current.write();
        *current = Arc::new(keyring);
        drop(current);
        let path = self.file.path();
        files::remove(&path).map_err(|error| StoreError::io("remove", &path, &error))
    }
}

#[async_trait]
impl Backend for MigratingBackend {
    fn kind(&self) -> &'static str {
        self.current().kind()
    }

    fn notes(&self) -> Vec<StoreNote> {
        self.current().notes()
    }

    fn stamp(&self) -> Option<Stamp> {
        self.current().stamp()
    }

    async fn read(&self) -> Result<Document, StoreError> {
        self.current().read().await
    }

    async fn reserve(&self) -> Result<Reservation, StoreError> {
        self.current().reserve().await
    }

    async fn write(&self, document: &Document, reservation: Reservation) -> Result<(), StoreError> {
        self.current().write(document, reservation).await
    }
}
