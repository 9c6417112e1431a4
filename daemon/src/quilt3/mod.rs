//! The files shared with the Python SDK.

mod auth_file;
mod config_file;
mod config_watch;
mod error;
mod import;
mod modes;
mod opens;
mod placeholder;
mod record;
mod sdk_files;
mod template;

pub use self::config_file::{ConfigError, ConfigFile};
pub use self::config_watch::ConfigWatch;
pub use self::error::SdkFileError;
pub use self::record::Redirection;
pub use self::sdk_files::{Drift, SdkFiles, Target};
