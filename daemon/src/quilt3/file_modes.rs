//! The permission bits of the SDK's files, which writing them makes private.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::SdkFileError;
use crate::files;

/// As they were; nothing where there was no file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileModes {
    config: Option<u32>,
    auth: Option<u32>,
}

impl FileModes {
    pub(super) fn of(config: &Path, auth: &Path) -> Self {
        Self {
            config: mode(config),
            auth: mode(auth),
        }
    }

    /// Gives them back to files that are private by now.
    pub(super) fn restore(&self, config: &Path, auth: &Path) -> Result<(), SdkFileError> {
        for (before, path) in [(self.config, config), (self.auth, auth)] {
            let before = before.filter(|_| mode(path) == Some(files::PRIVATE));
            quilt_trust::check(path)?;
            let restored =
                before.map(|mode| fs::set_permissions(path, Permissions::from_mode(mode)));
            match restored {
                Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(SdkFileError::io("restore", path, &error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn mode(path: &Path) -> Option<u32> {
    let meta = fs::metadata(path).ok()?;
    Some(meta.permissions().mode() & 0o777)
}
