//! Why the files of the Python SDK could not be read or changed.

use std::path::PathBuf;

use quilt_proto::quoted;

use super::ConfigError;
use crate::files::{FileError, wrap_file_error};

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

wrap_file_error!(pub(super) SdkFileError);
