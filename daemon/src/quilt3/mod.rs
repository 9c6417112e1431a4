//! The files shared with the Python SDK.

mod auth_file;
mod config_backup;
mod config_file;
mod config_keys;
mod config_watch;
mod credentials_file;
mod error;
mod file_modes;
mod login_import_note;
mod lost_redirection;
mod open_watch;
mod redirection_files;
mod redirection_record;

use std::path::Path;

pub use self::config_file::{ConfigError, ConfigFile};
pub use self::config_watch::ConfigWatch;
pub use self::error::SdkFileError;
pub use self::lost_redirection::LostRedirection;
pub use self::redirection_files::{SdkFiles, Target};
pub use self::redirection_record::Redirection;
use crate::files;

/// Writes a file for its owner alone, in a directory that may have to be made.
fn write_private(path: &Path, text: &[u8]) -> Result<(), SdkFileError> {
    if let Some(dir) = path.parent() {
        quilt_trust::make_dir(dir)?;
    }
    files::replace_private(path, text).map_err(|error| SdkFileError::io("write", path, &error))
}
