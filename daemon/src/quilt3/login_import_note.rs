//! Which login of the SDK's is being taken over, by its hash alone.
//!
//! Between the exchange of its token, which may be good but once, and its
//! removal from `auth.json` the daemon can be killed. Without this note, what
//! is left there would pass for a login of the SDK's own.

use std::path::{Path, PathBuf};

use quilt_proto::{Secret, hex, state_files};
use quilt_trust::Role;
use sha2::{Digest, Sha256};

use super::SdkFileError;
use crate::files;

/// Largest note read, in bytes.
const MAX_BYTES: u64 = 1024;

/// The note.
#[derive(Clone, Debug)]
pub(super) struct LoginImport(PathBuf);

impl LoginImport {
    pub(super) fn in_dir(dir: &Path) -> Self {
        Self(dir.join(state_files::SDK_IMPORT))
    }

    pub(super) fn begin(&self, login: &Secret) -> Result<(), SdkFileError> {
        super::write_private(&self.0, hash(login).as_bytes())
    }

    pub(super) fn is_of(&self, login: &Secret) -> bool {
        let noted = files::read(&self.0, Role::State, MAX_BYTES).ok().flatten();
        noted.is_some_and(|noted| *noted == hash(login))
    }

    pub(super) fn end(&self) -> Result<(), SdkFileError> {
        files::remove(&self.0).map_err(|error| SdkFileError::io("remove", &self.0, &error))
    }
}

/// A fast hash is enough: refresh tokens cannot be guessed.
fn hash(login: &Secret) -> String {
    hex(&Sha256::digest(login.expose().as_bytes()))
}
