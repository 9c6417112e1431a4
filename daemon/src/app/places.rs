//! What the daemon is told at its start.

use std::path::PathBuf;

use quilt_proto::locations;

use crate::token_store::StoreChoice;

/// What the daemon is built from.
#[derive(Clone, Debug)]
pub struct Config {
    /// The daemon's settings file; it may not exist.
    pub settings: PathBuf,
    /// Where refresh tokens are kept.
    pub token_store: StoreChoice,
    /// The directory of the sessions file.
    pub state_dir: PathBuf,
    /// The directory the Python SDK keeps `config.yml` in.
    pub python_sdk_dir: PathBuf,
}

impl Config {
    /// The usual places, unless given.
    pub fn resolve(
        settings: Option<PathBuf>,
        token_store: StoreChoice,
    ) -> Result<Self, locations::NoHome> {
        Ok(Self {
            settings: settings.map_or_else(locations::settings, Ok)?,
            token_store,
            state_dir: locations::state_dir()?,
            python_sdk_dir: locations::python_sdk_dir()?,
        })
    }
}
