//! What the SDK's files let others do, which writing them takes away.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;

use quilt_trust::PreservedPermissions;
use serde::{Deserialize, Serialize};

use super::SdkFileError;
use crate::files;

/// As they were; nothing where there was no file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileModes {
    config: Option<Before>,
    auth: Option<Before>,
}

/// What was noted of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Before {
    Permissions(PreservedPermissions),
    /// By a version that noted the bits alone: whose group they were about is
    /// not known.
    Bits(u32),
}

impl FileModes {
    pub(super) fn of(config: &Path, auth: &Path) -> Self {
        let rights = |path| {
            PreservedPermissions::of(path)
                .ok()
                .flatten()
                .map(Before::Permissions)
        };
        Self {
            config: rights(config),
            auth: rights(auth),
        }
    }

    /// Gives them back to files that are private by now.
    pub(super) fn restore(&self, config: &Path, auth: &Path) -> Result<(), SdkFileError> {
        for (before, path) in [(&self.config, config), (&self.auth, auth)] {
            quilt_trust::check(path)?;
            let Some(before) = before else { continue };
            match give_back(before, path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(SdkFileError::io("restore", path, &error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn give_back(before: &Before, path: &Path) -> io::Result<()> {
    let now = PreservedPermissions::of(path)?;
    if now.is_none_or(|now| now.mode() != files::PRIVATE) {
        return Ok(());
    }
    let rights = match before {
        Before::Permissions(rights) => Some(rights.clone()),
        Before::Bits(mode) => PreservedPermissions::of_mode(path, *mode)?,
    };
    let file = OpenOptions::new().write(true).open(path)?;
    rights.map_or(Ok(()), |rights| rights.give(&file))
}
