//! The files shared with the Python SDK.

mod config_file;
mod template;

pub use self::config_file::{ConfigError, ConfigFile};
