//! What keeps a file from being replaced, whoever owns it and whatever its mode.

use std::path::Path;

use quilt_proto::Command;

/// A file that stays where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Pin {
    /// Marked as one that is not changed (chattr(1), chflags(1)).
    #[error("it, or its directory, is marked as immutable")]
    Immutable,
    /// Marked as one that is only appended to.
    #[error("it, or its directory, is marked as append-only")]
    AppendOnly,
    /// Mounted there by itself, as one file of another machine's in a container.
    #[error("it is mounted there by itself, and cannot be replaced")]
    Mounted,
}

impl Pin {
    /// That of a file or directory, where the system tells.
    #[cfg(target_os = "linux")]
    pub fn of(path: &Path) -> Option<Self> {
        use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
        let found = statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::TYPE).ok()?;
        let is = |attribute| found.stx_attributes.contains(attribute);
        let is_dir = rustix::fs::FileType::from_raw_mode(found.stx_mode.into()).is_dir();
        match () {
            () if is(StatxAttributes::IMMUTABLE) => Some(Self::Immutable),
            () if is(StatxAttributes::APPEND) => Some(Self::AppendOnly),
            // What is in a directory that is mounted can be replaced.
            () if is(StatxAttributes::MOUNT_ROOT) && !is_dir => Some(Self::Mounted),
            () => None,
        }
    }

    /// That of a file or directory: of flags of the user's and of root's
    /// (chflags(2)).
    #[cfg(target_os = "macos")]
    pub fn of(path: &Path) -> Option<Self> {
        use std::os::macos::fs::MetadataExt;
        const IMMUTABLE: u32 = 0x0002_0002;
        const APPEND: u32 = 0x0004_0004;
        let flags = path.symlink_metadata().ok()?.st_flags();
        match () {
            () if flags & IMMUTABLE != 0 => Some(Self::Immutable),
            () if flags & APPEND != 0 => Some(Self::AppendOnly),
            () => None,
        }
    }

    /// Nothing tells.
    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    pub fn of(_: &Path) -> Option<Self> {
        None
    }

    /// That of a file that is to be replaced: its own, or its directory's.
    pub fn of_replaced(path: &Path) -> Option<Self> {
        Self::of(path).or_else(|| path.parent().and_then(Self::of))
    }

    /// Shows it.
    pub fn remedy(self, path: &Path) -> Command {
        let is_its_own = Self::of(path) == Some(self);
        let place = path.parent().filter(|_| !is_its_own).unwrap_or(path);
        match self {
            Self::Mounted => Command::of("findmnt -T").path(place),
            _ if cfg!(target_os = "macos") => Command::of("ls -ldO").path(place),
            _ => Command::of("lsattr -d").path(place),
        }
    }
}
