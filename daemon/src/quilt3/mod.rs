//! The files shared with the Python SDK.

mod auth_file;
mod config_file;
mod config_watch;
mod error;
mod modes;
mod opens;
mod placeholder;
mod record;
mod taking_over;
mod template;
mod wiring;

pub use self::config_file::{ConfigError, ConfigFile};
pub use self::config_watch::ConfigWatch;
pub use self::error::SdkFileError;
pub use self::record::Wired;
pub use self::wiring::{Lead, Stray, Wiring};
