//! A key handed over at the start, for services without a person to log in.
//!
//! Three ways, in this order: a file descriptor, systemd's credentials
//! (systemd.exec(5), `LoadCredential=quilt-api-key`), the environment; those of
//! several catalogs come as [`super::startup_keys_of_catalogs`] says, and out of the
//! environment as [`super::environment_scrub`] does.

use std::env;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use quilt_proto::{ApiKeySecret, NameError, locations};
use quilt_trust::{Access, Distrust, Role};
use zeroize::Zeroizing;

use crate::session::KeyOrigin;

/// An error of whoever knows catalogs by name.
pub(super) type BoxedError = Box<dyn std::error::Error + Send + Sync>;

/// The file among systemd's credentials.
pub(super) const CREDENTIAL: &str = "quilt-api-key";

/// The most bytes read of a key, white space included. Less than every pipe
/// takes without a reader.
pub(super) const MAX_BYTES: usize = 4096 + 64;

/// Why a key that was handed over could not be taken. Never quotes it.
#[derive(Debug, thiserror::Error)]
pub enum StartupKeyError {
    /// It could not be read.
    #[error("cannot read the API key from {place}: {source}")]
    Unreadable {
        /// Where it was to come from.
        place: String,
        /// Why not.
        source: io::Error,
    },
    /// Others could read it.
    #[error("{place} can be read by other users (mode {mode:04o})")]
    Loose {
        /// Where it was to come from.
        place: String,
        /// The file's mode.
        mode: u32,
    },
    /// Others could have written it.
    #[error("the API key is not read: {0}")]
    Distrusted(#[from] Distrust),
    /// It is for no catalog.
    #[error("{place} is for no catalog: {source}")]
    NoCatalog {
        /// Where it came from.
        place: String,
        /// What is wrong with what it is named after.
        source: BoxedError,
    },
    /// It is not a key.
    #[error("{place}: {source}")]
    NotAKey {
        /// Where it came from.
        place: String,
        /// What is wrong with it.
        source: NameError,
    },
}

impl StartupKeyError {
    pub(super) fn unreadable(place: &str, source: io::Error) -> Self {
        Self::Unreadable {
            place: place.to_owned(),
            source,
        }
    }
}

/// A key handed over, if one was.
#[derive(Debug)]
pub struct StartupKey {
    /// The key.
    pub secret: ApiKeySecret,
    /// Where the next start finds it again, if it does.
    pub origin: Option<KeyOrigin>,
}

impl StartupKey {
    /// The key from a descriptor that was taken over, which is closed then; else
    /// from systemd's credentials.
    pub fn read(descriptor: Option<io::Result<File>>) -> Result<Option<Self>, StartupKeyError> {
        if let Some(file) = descriptor {
            let place = "QUILT_API_KEY or --api-key-fd";
            let file = file.map_err(|source| StartupKeyError::unreadable(place, source))?;
            return Ok(Some(Self {
                secret: read(file, place)?,
                origin: None,
            }));
        }
        let Some(dir) = credentials() else {
            return Ok(None);
        };
        let place = "the credential quilt-api-key";
        let Some(file) = open_credential(&dir.join(CREDENTIAL))? else {
            return Ok(None);
        };
        Ok(Some(Self {
            secret: read(file, place)?,
            origin: Some(KeyOrigin::Credential(CREDENTIAL.to_owned())),
        }))
    }
}

/// Where systemd puts the credentials of this service, if it does.
pub(super) fn credentials() -> Option<PathBuf> {
    let dir = env::var_os(locations::CREDENTIALS_ENV).filter(|dir| !dir.is_empty())?;
    Some(PathBuf::from(dir))
}

/// What systemd put there is this service's alone; what others could have put
/// there is not read: whoever it is for would act as them.
pub(super) fn open_credential(path: &Path) -> Result<Option<File>, Distrust> {
    if !path.exists() {
        return Ok(None);
    }
    quilt_trust::open(path, Role::Shared, Access::Read)
}

/// The key that is in a file, and nothing else is.
pub(super) fn read(file: File, place: &str) -> Result<ApiKeySecret, StartupKeyError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
    file.take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| StartupKeyError::unreadable(place, source))?;
    let not_a_key = |source| StartupKeyError::NotAKey {
        place: place.to_owned(),
        source,
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| not_a_key(NameError::ApiKeyCharacters))?;
    text.parse().map_err(not_a_key)
}

#[cfg(test)]
mod tests {
    use super::super::environment_scrub::in_a_pipe;
    use super::*;

    #[test]
    fn a_key_goes_through_a_pipe_and_errors_do_not_quote_it() {
        let reader = in_a_pipe(b" qk_abcdefghijklmnop\n").unwrap();
        let key = StartupKey::read(Some(Ok(reader.into()))).unwrap().unwrap();
        assert_eq!(key.secret.secret().expose(), "qk_abcdefghijklmnop");
        assert_eq!(key.origin, None);
        let reader = in_a_pipe(b"canary").unwrap();
        let error = StartupKey::read(Some(Ok(reader.into())))
            .unwrap_err()
            .to_string();
        assert!(
            error.ends_with("API key must start with 'qk_' prefix"),
            "{error}"
        );
        assert!(!error.contains("canary"));
    }
}
