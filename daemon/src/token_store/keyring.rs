//! The OS keyring: Secret Service on Linux, Keychain on macOS.
//!
//! Keyrings hang, ask questions, or are absent. One thread speaks to it, every
//! call has a deadline, and no bus is ever started for it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use async_trait::async_trait;
use keyring_core::{Entry, Error};
use parking_lot::Mutex;
use quilt_proto::Timestamp;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::backend::{Backend, Reservation};
use super::document::Unreadable;
use super::open::merge;
#[cfg(not(target_os = "macos"))]
use super::session_bus;
use super::{Document, StoreError, StoreNote, keyring_presence, keyring_record};
use crate::files::{self, Stamp, WatchedFile};

/// How long a call may take; an unlock dialogue may be on the screen.
const DEADLINE: Duration = Duration::from_secs(5);

/// The service name the document is filed under.
const SERVICE: &str = "quiltd";

type Bytes = Zeroizing<Vec<u8>>;

struct Request {
    write: Option<Bytes>,
    answer: oneshot::Sender<Result<Document, StoreError>>,
}

/// What the user should know, from whatever thread found it out.
type Notes = Arc<Mutex<Vec<StoreNote>>>;

pub(super) struct KeyringBackend {
    requests: mpsc::Sender<Request>,
    deadline: Duration,
    record: WatchedFile,
    notes: Notes,
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
        let notes = Notes::default();
        let place = Place {
            account,
            notes: Arc::clone(&notes),
        };
        std::thread::Builder::new()
            .name("keyring".to_owned())
            .spawn(move || place.serve(&inbox))
            .map_err(|error| StoreError::Keyring(format!("cannot be asked: {}", error.kind())))?;
        let backend = Self {
            requests,
            deadline: timeout,
            record: WatchedFile::new(dir.join(keyring_record::NAME)),
            notes,
        };
        backend.call(None).await?;
        Ok(Self {
            deadline: DEADLINE,
            ..backend
        })
    }

    async fn call(&self, write: Option<Bytes>) -> Result<Document, StoreError> {
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

/// Where the document is.
struct Place {
    account: String,
    notes: Notes,
}

impl Place {
    /// Serves requests in order until the backend is dropped. Requests whose
    /// caller gave up are passed over, unless they write: the newest token must
    /// get there.
    fn serve(&self, inbox: &mpsc::Receiver<Request>) {
        for Request { write, answer } in inbox {
            if write.is_none() && answer.is_closed() {
                continue;
            }
            drop(answer.send(self.perform(write.as_ref().map(|it| it.as_slice()))));
        }
    }

    fn perform(&self, write: Option<&[u8]>) -> Result<Document, StoreError> {
        let attempt = || match write {
            Some(bytes) => self.write(bytes).map(|()| Ok(Document::default())),
            None => self.read(),
        };
        let done = match attempt() {
            // A service that was started anew knows nothing of what was agreed
            // with the one before.
            Err(Error::PlatformFailure(_)) => {
                drop(keyring_core::unset_default_store());
                attempt()
            }
            done => done,
        };
        done.unwrap_or_else(|error| Err(describe(&error)))
    }

    fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        let entry = entry(&self.account)?;
        match entry.set_secret(bytes) {
            Err(Error::Ambiguous(entries)) => one_of(entries, bytes),
            done => done,
        }
    }

    /// The document, or why that is none, unless the keyring fails.
    fn read(&self) -> Result<Result<Document, StoreError>, Error> {
        let entry = entry(&self.account)?;
        match entry.get_secret().map(Zeroizing::new) {
            Ok(bytes) => {
                let understood = self.understand(&entry, &bytes)?;
                Ok(understood.map(Option::unwrap_or_default))
            }
            Err(Error::NoEntry) => Ok(Ok(Document::default())),
            Err(Error::Ambiguous(entries)) => self.unite(entries),
            Err(error) => Err(error),
        }
    }

    /// What an entry says. One that nobody can read is put aside, and says nothing.
    fn understand(
        &self,
        entry: &Entry,
        bytes: &[u8],
    ) -> Result<Result<Option<Document>, StoreError>, Error> {
        match Document::parse(bytes) {
            Ok(document) => return Ok(Ok(Some(document))),
            Err(Unreadable::Newer) => return Ok(Err(newer())),
            Err(Unreadable::Broken) if bytes.is_empty() => {}
            Err(Unreadable::Broken) => {
                let kept_as = format!("{}.broken-{}", self.account, Timestamp::now().unix());
                Entry::new(SERVICE, &kept_as)?.set_secret(bytes)?;
                let note = StoreNote::EntrySetAside {
                    account: self.account.clone(),
                    kept_as,
                };
                tracing::warn!("{note}");
                self.notes.lock().push(note);
            }
        }
        entry.delete_credential()?;
        Ok(Ok(None))
    }

    /// Makes one entry of several, which other programs may have made: of two
    /// logins to one catalog the newer is kept.
    fn unite(&self, entries: Vec<Entry>) -> Result<Result<Document, StoreError>, Error> {
        let mut united = Document::default();
        let mut readable = Vec::new();
        for entry in entries {
            let bytes = Zeroizing::new(entry.get_secret()?);
            match self.understand(&entry, &bytes)? {
                Ok(Some(document)) => {
                    merge(&mut united, document);
                    readable.push(entry);
                }
                Ok(None) => {}
                Err(newer) => return Ok(Err(newer)),
            }
        }
        if let Ok(bytes) = serde_json::to_vec(&united).map(Zeroizing::new)
            && !readable.is_empty()
        {
            one_of(readable, &bytes)?;
        }
        Ok(Ok(united))
    }
}

/// Has the first of several entries hold this, and removes the others.
fn one_of(entries: Vec<Entry>, bytes: &[u8]) -> Result<(), Error> {
    let mut entries = entries.into_iter();
    if let Some(first) = entries.next() {
        first.set_secret(bytes)?;
    }
    entries.try_for_each(|other| other.delete_credential())
}

fn newer() -> StoreError {
    StoreError::Keyring("holds what a newer quiltd wrote; install that version".to_owned())
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

    fn notes(&self) -> Vec<StoreNote> {
        self.notes.lock().clone()
    }

    async fn read(&self) -> Result<Document, StoreError> {
        self.call(None).await
    }

    async fn write(&self, document: &Document, _room: Reservation) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(document)
            .map_err(|_| StoreError::Keyring("entry could not be written".to_owned()))?;
        self.call(Some(Zeroizing::new(bytes))).await?;
        // Who logs in after a login was lost has mended it.
        if !document.sessions.is_empty() {
            self.notes.lock().clear();
        }
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
