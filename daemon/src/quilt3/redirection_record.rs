//! The record of what the SDK's files were before they led to the gateway.

use std::path::{Path, PathBuf};

use quilt_proto::{CatalogUrl, RegistryUrl, state_files};
use quilt_trust::Role;
use serde::{Deserialize, Serialize};

use super::SdkFileError;
use super::file_modes::FileModes;
use crate::files;

/// Largest record read, in bytes: it may hold a whole `config.yml`.
const MAX_BYTES: u64 = 2 * 1024 * 1024;

/// What was redirected, and what was there before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirection {
    /// The layout of this document; 1.
    pub(super) version: u32,
    /// The catalog the SDK is led to.
    pub catalog_url: CatalogUrl,
    /// Its registry.
    pub registry_url: RegistryUrl,
    /// The gateway, as the SDK knows it.
    pub gateway_url: RegistryUrl,
    /// The whole `config.yml` as it was, where there was one.
    pub(super) config_before: Option<String>,
    /// As it was written, so that somebody else's changes can be told.
    pub(super) config_written: Option<String>,
    /// As it was before that: what it still is where the writing was cut off.
    #[serde(default)]
    pub(super) config_found: Option<String>,
    /// The permission bits before.
    #[serde(default)]
    pub(super) modes_before: FileModes,
    /// Whether the user wants API keys and logins kept back, also from whoever
    /// gets a grant when there is none any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_api_keys: bool,
}

impl Redirection {
    pub(super) const VERSION: u32 = 1;
}

/// The file it is kept in.
#[derive(Clone, Debug)]
pub(super) struct Record(PathBuf);

impl Record {
    /// In the daemon's own directory.
    pub(super) fn in_dir(state_dir: &Path) -> Self {
        Self(state_dir.join(state_files::SDK_RECORD))
    }

    pub(super) fn path(&self) -> &PathBuf {
        &self.0
    }

    /// What is recorded, if anything is. What cannot be understood is set aside.
    pub(super) fn read(&self) -> Result<Option<Redirection>, SdkFileError> {
        let text = files::read(&self.0, Role::State, MAX_BYTES)
            .map_err(|error| SdkFileError::io("read", &self.0, &error))?;
        let Some(text) = text else { return Ok(None) };
        match serde_json::from_str::<Redirection>(&text) {
            Ok(redirection) if redirection.version == Redirection::VERSION => Ok(Some(redirection)),
            _ => {
                let aside = files::set_aside(&self.0)
                    .map_err(|error| SdkFileError::io("set aside", &self.0, &error))?;
                tracing::warn!(
                    ?aside,
                    "the record of the Python SDK could not be understood"
                );
                Ok(None)
            }
        }
    }

    /// Replaces what is recorded.
    pub(super) fn save(&self, redirection: &Redirection) -> Result<(), SdkFileError> {
        let text = serde_json::to_vec_pretty(redirection);
        let text = text.map_err(|error| SdkFileError::io("write", &self.0, &error.into()))?;
        super::write_private(&self.0, &text)
    }

    /// Records nothing any more.
    pub(super) fn remove(&self) -> Result<(), SdkFileError> {
        files::remove(&self.0).map_err(|error| SdkFileError::io("remove", &self.0, &error))
    }
}
