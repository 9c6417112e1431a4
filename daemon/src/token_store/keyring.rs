//! The OS keyring: Secret Service on Linux, Keychain on macOS.
//!
//! Keyrings hang, ask questions, or are absent. One thread speaks to it, every
//! call has a deadline, and no bus is ever started for it.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use async_trait::async_trait;
use keyring_core::{Entry, Error};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::backend::{Backend, Reservation};
#[cfg(not(target_os = "macos"))]
use super::session_bus;
use super::{Document, StoreError, keyring_presence, keyring_record};
use crate::files::{self, Stamp, WatchedFile};

/// How long a call may take; an unlock dialogue may be on the screen.
const DEADLINE: Duration = Duration::from_secs(5);

/// The service name the document is filed under.
const SERVICE: &str = "quiltd";

type Bytes = Zeroizing<Vec<u8>>;

struct Request {
    write: Option<Bytes>,
    answer: oneshot::Sender<Result<Option<Bytes>, StoreError>>,
}

pub(super) struct KeyringBackend {
    requests: mpsc::Sender<Request>,
    deadline: Duration,
    record: WatchedFile,
}

impl KeyringBackend {
    /// The keyring, if it answers within `timeout`. The state directory tells
    /// installations apart. `Err` says why not.
    pub(super) async fn connect(dir: &Path, timeout: Duration) -> Result<Self, StoreError> {
        let account = dir.display().to_string();
        #[cfg(not(target_os = "macos"))]
        session_bus::check().map_err(|why| StoreError::NoKeyring(why.to_string()))?;
        match keyring_presence::is_absent(timeout).await {
            None => return Err(does_not_answer()),
            Some(true) => {
                let why = "nobody on the session bus offers one".to_owned();
                return Err(StoreError::NoKeyring(why));
            }
            Some(false) => {}
        }
        let (requests, inbox) = mpsc::channel();
        std::thread::Builder::new()
            .name("keyring".to_owned())
            .spawn(move || serve(&account, &inbox))
            .map_err(|error| StoreError::Keyring(format!("cannot be asked: {}", error.kind())))?;
        let backend = Self {
            requests,
            deadline: timeout,
            record: WatchedFile::new(dir.join(keyring_record::NAME)),
        };
        backend.call(None).await?;
        Ok(Self {
            deadline: DEADLINE,
            ..backend
        })
    }

    async fn call(&self, write: Option<Bytes>) -> Result<Option<Bytes>, StoreError> {
        let (answer, answered) = oneshot::channel();
        let gone = || StoreError::Keyring("stopped answering".to_owned());
        self.requests
            .send(Request { write, answer })
            .map_err(|_| gone())?;
        match tokio::time::timeout(self.deadline, answered).await {
            Err(_) => Err(does_not_answer()),
            Ok(Err(_)) => Err(gone()),
            Ok(Ok(result)) => result,
        }
    }
}

fn does_not_answer() -> StoreError {
    StoreError::Keyring("does not answer".to_owned())
}

/// Serves requests in order until the backend is dropped. Requests whose caller
/// gave up are passed over, unless they write: the newest token must get there.
fn serve(account: &str, inbox: &mpsc::Receiver<Request>) {
    for Request { write, answer } in inbox {
        if write.is_none() && answer.is_closed() {
            continue;
        }
        drop(answer.send(perform(account, write)));
    }
}

/// The document's place. The system's keyring is looked for until it is found:
/// it may come after the daemon.
fn entry(account: &str) -> Result<Entry, Error> {
    if keyring_core::get_default_store().is_none() {
        // It may be another's by now.
        #[cfg(not(target_os = "macos"))]
        session_bus::check().map_err(|_| Error::NoDefaultStore)?;
        #[cfg(not(target_os = "macos"))]
        let store = zbus_secret_service_keyring_store::Store::new()?;
        #[cfg(target_os = "macos")]
        let store = apple_native_keyring_store::keychain::Store::new()?;
        keyring_core::set_default_store(store);
    }
    Entry::new(SERVICE, account)
}

fn perform(account: &str, write: Option<Bytes>) -> Result<Option<Bytes>, StoreError> {
    let entry = entry(account).map_err(|error| describe(&error))?;
    if let Some(bytes) = write {
        return entry
            .set_secret(&bytes)
            .map(|()| None)
            .map_err(|error| describe(&error));
    }
    match entry.get_secret() {
        Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
        Err(Error::NoEntry) => Ok(None),
        Err(error) => Err(describe(&error)),
    }
}

/// The error's kind only: details may quote what was stored.
fn describe(error: &Error) -> StoreError {
    let what = match error {
        Error::NoStorageAccess(_) => "is locked or refuses access",
        Error::NoDefaultStore => return StoreError::NoKeyring("no session bus".to_owned()),
        Error::PlatformFailure(_) => "failed",
        Error::BadEncoding(_) | Error::BadDataFormat(..) => "holds something unreadable",
        Error::Ambiguous(_) => "holds several entries for quiltd",
        _ => "refused",
    };
    StoreError::Keyring(what.to_owned())
}

#[async_trait]
impl Backend for KeyringBackend {
    fn kind(&self) -> &'static str {
        "keyring"
    }

    fn stamp(&self) -> Option<Stamp> {
        self.record.stamp()
    }

    fn file(&self) -> Option<PathBuf> {
        Some(self.record.path().to_owned())
    }

    async fn read(&self) -> Result<Document, StoreError> {
        let Some(bytes) = self.call(None).await? else {
            return Ok(Document::default());
        };
        serde_json::from_slice(&bytes)
            .map_err(|_| StoreError::Keyring(format!("entry {SERVICE} holds something unreadable")))
    }

    async fn write(&self, document: &Document, _room: Reservation) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(document)
            .map_err(|_| StoreError::Keyring("entry could not be written".to_owned()))?;
        self.call(Some(Zeroizing::new(bytes))).await?;
        if let Err(error) = keyring_record::write(self.record.path(), document) {
            let path = self.record.path().display();
            tracing::warn!(
                "other daemons do not notice a change, {path} cannot be written: {}",
                files::words(&error)
            );
        }
        Ok(())
    }
}
