//! Which store it is to be.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use quilt_proto::quoted;

use super::backend::{Backend, Reservation};
use super::file::FileBackend;
use super::keyring::KeyringBackend;
use super::keyring_migration::MigratingBackend;
use super::lock::Locks;
use super::{Document, Store, StoreError};

/// How long `auto` waits for a keyring before it takes the file.
const AUTO_TIMEOUT: Duration = Duration::from_secs(2);

/// How long `keyring` waits at first: the user may have to unlock it.
const KEYRING_TIMEOUT: Duration = Duration::from_secs(20);

/// The value of `--token-store`; what is said of each stands in the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum StoreChoice {
    /// The keyring where it answers, else the file
    #[default]
    Auto,
    /// The operating system's keyring
    Keyring,
    /// A file in the state directory
    File,
    /// Nowhere: a restart needs a new login
    Memory,
}

/// Opens the chosen store over a state directory.
pub async fn open(choice: StoreChoice, dir: &Path) -> Result<Store, StoreError> {
    if choice == StoreChoice::Memory {
        return Ok(Store::in_memory().with_state_dir(dir));
    }
    quilt_trust::make_dir(dir)?;
    let file = FileBackend::new(dir);
    let timeout = match choice {
        StoreChoice::Keyring => KEYRING_TIMEOUT,
        _ => AUTO_TIMEOUT,
    };
    if choice == StoreChoice::File {
        return Ok(Store::new(Arc::new(file), Locks::in_dir(dir)).with_state_dir(dir));
    }
    match KeyringBackend::connect(dir, timeout).await {
        Ok(keyring) => {
            let store = Store::new(Arc::new(keyring), Locks::in_dir(dir)).with_state_dir(dir);
            adopt(&store, &file).await?;
            Ok(store)
        }
        Err(error) if choice == StoreChoice::Keyring => Err(error),
        Err(error) => {
            tracing::info!("{error}; tokens are kept in {}", quoted::path(&file.path()));
            let backend = Arc::new(MigratingBackend::new(file, dir.to_owned()));
            let store =
                Store::new(Arc::clone(&backend) as _, Locks::in_dir(dir)).with_state_dir(dir);
            if may_come() {
                tokio::spawn(backend.migrate_to_keyring(store.clone()));
            }
            Ok(store)
        }
    }
}

/// Whether a keyring may be there later: a session bus is.
#[cfg(not(target_os = "macos"))]
fn may_come() -> bool {
    super::session_bus::is_named()
}

/// Whether a keyring may be there later.
#[cfg(target_os = "macos")]
fn may_come() -> bool {
    true
}

/// Moves logins made while there was no keyring into it; of two logins to one
/// catalog the newer is kept.
async fn adopt(store: &Store, file: &FileBackend) -> Result<(), StoreError> {
    let path = file.path();
    if !path.exists() {
        return Ok(());
    }
    let found = file.read().await?;
    store
        .update(Reservation::default(), |document| {
            merge(document, found);
            Some(())
        })
        .await?;
    if path.exists() {
        std::fs::remove_file(&path).map_err(|error| StoreError::io("remove", &path, &error))?;
    }
    Ok(())
}

/// Adds what was stored elsewhere; of two logins to one catalog the newer is
/// kept.
pub(super) fn merge(document: &mut Document, other: Document) {
    let Document {
        sessions,
        oauth_clients,
        ..
    } = other;
    for (catalog, record) in sessions {
        let there = document.sessions.get(&catalog);
        if there.is_none_or(|there| record.is_newer_than(there)) {
            document.sessions.insert(catalog, record);
        }
    }
    for (issuer, client) in oauth_clients {
        document.oauth_clients.entry(issuer).or_insert(client);
    }
}
