//! Why the files of the Python SDK could not be read or changed.

use std::io;
use std::path::{Path, PathBuf};

use quilt_proto::quoted;
use quilt_trust::Distrust;

use super::ConfigError;

/// Why the files of the Python SDK could not be read or changed. Never quotes
/// what is in them.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SdkFileError {
    /// A file operation failed.
    #[error("cannot {action} {}: {reason}", quoted::path(path))]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// It may be somebody else's doing: it is not believed, and left alone.
    #[error(transparent)]
    Distrusted(#[from] Distrust),
    /// The file is not what the SDK writes.
    #[error("{} is not what quilt3 writes; it was left alone", quoted::path(.0))]
    Broken(PathBuf),
    /// It is about `config.yml`.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl SdkFileError {
    pub(super) fn io(action: &'static str, path: &Path, error: &io::Error) -> Self {
        if let Some(distrust) = quilt_trust::behind(error) {
            return Self::Distrusted(distrust.clone());
        }
        Self::Io {
            action,
            path: path.to_owned(),
            reason: error.kind().to_string(),
        }
    }
}
