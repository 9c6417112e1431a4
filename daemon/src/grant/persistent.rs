//! Grants that outlive the daemon: `grants.json` in the state directory.
//!
//! Holds no secret: of a token only its hash is kept, and tokens are too
//! random to be guessed from it.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use quilt_proto::{CatalogUrl, Timestamp, state_files};
use quilt_trust::Role;
use serde::{Deserialize, Serialize};

use super::token::TokenHash;
use crate::files::{self, Stamp, WatchedFile};

/// The largest file read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// How long to wait for another process that holds the lock.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Everything kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Persistent {
    /// The layout of this document: 2 where a grant is restricted, which a
    /// daemon that knows of no restriction must not honour; else 1.
    pub(super) version: u32,
    /// Where they are good: programs have been told.
    pub(super) port: Option<u16>,
    /// The grants.
    pub(super) grants: Vec<PersistentGrant>,
}

/// A grant of a registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PersistentGrant {
    pub(super) id: String,
    pub(super) token_sha256: TokenHash,
    pub(super) catalog_url: CatalogUrl,
    pub(super) created_at: Timestamp,
    pub(super) expires_at: Timestamp,
    /// Its holder has been given another: using it no longer renews it.
    #[serde(default, rename = "is_retired")]
    pub(super) is_superseded: bool,
    /// API keys and logins are kept back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) without_api_keys: bool,
}

/// The file.
#[derive(Clone, Debug)]
pub(super) struct PersistentFile(Arc<WatchedFile>);

impl Persistent {
    /// The layout of a file in which every grant is whole.
    const WHOLE: u32 = 1;

    /// The layout of a file in which one is restricted.
    const RESTRICTED: u32 = 2;

    fn layout(&self) -> u32 {
        if self.grants.iter().any(|grant| grant.without_api_keys) {
            Self::RESTRICTED
        } else {
            Self::WHOLE
        }
    }
}

impl PersistentFile {
    /// The file in a state directory, which need not exist yet.
    pub(super) fn in_dir(dir: &Path) -> Self {
        Self(Arc::new(WatchedFile::new(dir.join(state_files::GRANTS))))
    }

    /// By what this version of the file is told from another.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        self.0.stamp()
    }

    /// What is kept; nothing where there is no file. One that cannot be
    /// understood is set aside: whoever holds such a grant needs a new one.
    pub(super) fn load(&self) -> io::Result<Persistent> {
        let kept = match files::read(self.0.path(), Role::State, MAX_BYTES) {
            Ok(None) => return Ok(Persistent::default()),
            Ok(Some(text)) => serde_json::from_str::<Persistent>(&text).ok(),
            // Not even text.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
            Err(error) => return Err(error),
        };
        match kept {
            Some(kept) if (Persistent::WHOLE..=Persistent::RESTRICTED).contains(&kept.version) => {
                Ok(kept)
            }
            _ => {
                let aside = files::set_aside(self.0.path())?;
                let path = self.0.path().display();
                tracing::warn!(?aside, "{path} could not be understood and was set aside");
                Ok(Persistent::default())
            }
        }
    }

    /// Reads, changes and replaces what is kept, under a lock that other
    /// daemons on the same directory respect. Nothing is written where it
    /// cannot be read. Waits, so not for the runtime's threads.
    pub(super) fn update(&self, change: impl FnOnce(&mut Persistent)) -> io::Result<()> {
        if let Some(dir) = self.0.path().parent() {
            quilt_trust::make_dir(dir)?;
        }
        let _lock = self.lock()?;
        let mut kept = self.load()?;
        change(&mut kept);
        kept.version = kept.layout();
        if kept.grants.is_empty() && kept.port.is_none() {
            return files::remove(self.0.path());
        }
        let text = serde_json::to_vec_pretty(&kept)?;
        files::replace_private(self.0.path(), &text)
    }

    /// The lock, which others hold for as long as a small file takes to write.
    fn lock(&self) -> io::Result<File> {
        files::lock_within(
            &self.0.path().with_file_name(state_files::GRANTS_LOCK),
            TIMEOUT,
        )
    }
}

/// `grants.json`, made up: what can be read can be written, and read again.
#[cfg(any(test, fuzzing))]
#[allow(clippy::expect_used, reason = "a fuzzer looks for panics")]
pub(crate) fn fuzz_kept(data: &[u8]) {
    let Ok(kept) = serde_json::from_slice::<Persistent>(data) else {
        return;
    };
    let text = serde_json::to_vec(&kept).expect("it can be written");
    let again: Persistent = serde_json::from_slice(&text).expect("it can be read again");
    assert!(again == kept);
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(without_api_keys: bool) -> Persistent {
        Persistent {
            version: if without_api_keys { 2 } else { 1 },
            port: Some(7),
            grants: vec![PersistentGrant {
                id: "1".to_owned(),
                token_sha256: TokenHash::of("canary"),
                catalog_url: "https://demo.quilt.example".parse().unwrap(),
                created_at: Timestamp::from_unix(1),
                expires_at: Timestamp::from_unix(2),
                is_superseded: false,
                without_api_keys,
            }],
        }
    }

    #[test]
    fn an_older_daemon_honours_no_restricted_grant_and_older_grants_stay_good() {
        let dir = tempfile::TempDir::new().unwrap();
        let file = PersistentFile::in_dir(dir.path());
        file.update(|it| *it = kept(true)).unwrap();
        assert_eq!(file.load().unwrap(), kept(true));
        let text = std::fs::read_to_string(file.0.path()).unwrap();
        assert!(text.contains("\"version\": 2"), "{text}");
        file.update(|it| it.grants[0].without_api_keys = false)
            .unwrap();
        let text = std::fs::read_to_string(file.0.path()).unwrap();
        assert!(text.contains("\"version\": 1"), "{text}");
        assert!(
            !text.contains("without_api_keys"),
            "as it was written before"
        );
        assert_eq!(file.load().unwrap(), kept(false));
    }

    #[test]
    fn what_is_kept_comes_back_and_holds_no_token() {
        let dir = tempfile::TempDir::new().unwrap();
        let file = PersistentFile::in_dir(&dir.path().join("state"));
        assert_eq!(file.load().unwrap(), Persistent::default());
        let kept = kept(false);
        file.update(|it| *it = kept.clone()).unwrap();
        assert_eq!(file.load().unwrap(), kept);
        assert!(
            !std::fs::read_to_string(file.0.path())
                .unwrap()
                .contains("canary")
        );
        file.update(|kept| *kept = Persistent::default()).unwrap();
        assert!(!file.0.path().exists());
    }

    #[test]
    fn a_broken_file_is_kept_aside() {
        let dir = tempfile::TempDir::new().unwrap();
        let file = PersistentFile::in_dir(dir.path());
        for broken in ["", "{", "{\"version\":3,\"port\":1,\"grants\":[]}"] {
            std::fs::write(file.0.path(), broken).unwrap();
            assert_eq!(file.load().unwrap(), Persistent::default());
            assert!(!file.0.path().exists());
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3);
    }
}
