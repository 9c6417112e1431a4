//! Why the files of the Python SDK could not be read or changed.

use std::io;
use std::path::{Path, PathBuf};

use quilt_proto::quoted;
use quilt_trust::Distrust;

use super::ConfigError;
use crate::files::FileError;

/// Why the files of the Python SDK could not be read or changed. Never quotes
/// what is in them.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SdkFileError {
    /// A file could not be read or changed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is not what the SDK writes.
    #[error("{} is not what quilt3 writes; it was left alone", quoted::path(.0))]
    Broken(PathBuf),
    /// It is about `config.yml`.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl From<Distrust> for SdkFileError {
    fn from(distrust: Distrust) -> Self {
        FileError::from(distrust).into()
    }
}

impl SdkFileError {
    pub(super) fn io(action: &'static str, path: &Path, error: &io::Error) -> Self {
        FileError::of(action, path, error).into()
    }
}
