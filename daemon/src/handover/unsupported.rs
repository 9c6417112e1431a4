//! Where the system does not tell what runs in a process: nothing is offered,
//! and nobody looks.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{HandoverError, HandoverKey};

/// Keys for whoever follows; there are none.
#[derive(Debug)]
pub struct Offer(Infallible);

impl Offer {
    /// Does not offer anything.
    pub fn make(
        _path: &Path,
        _keys: Vec<HandoverKey>,
        _program: Option<&Path>,
    ) -> Result<Self, HandoverError> {
        Err(HandoverError::Unsupported)
    }

    /// Serves nobody.
    pub fn serve(self, _patience: Duration) -> Result<(), HandoverError> {
        match self.0 {}
    }
}

/// A look for keys; there are none.
#[derive(Debug)]
pub struct KeyTaker(Infallible);

impl KeyTaker {
    /// Finds nobody.
    pub fn announce(_path: &Path) -> Option<Self> {
        None
    }

    /// Takes nothing.
    pub fn take(self) -> Result<(Option<PathBuf>, Vec<HandoverKey>, Receipt), HandoverError> {
        match self.0 {}
    }
}

/// Says that keys are kept; there are none.
#[derive(Debug)]
pub struct Receipt(Infallible);

impl Receipt {
    /// The process that gave them.
    pub fn giver(&self) -> u32 {
        match self.0 {}
    }

    /// Says nothing.
    pub fn say(self) {
        match self.0 {}
    }
}

/// Carries nothing.
pub fn relay(_path: &Path) -> Result<(), HandoverError> {
    Err(HandoverError::Unsupported)
}
