//! Why a file could not be read or changed.

use std::io;
use std::path::PathBuf;

use quilt_proto::quoted;
use quilt_trust::{Distrust, words};

use super::Pin;

/// Makes an error of a module that has a `File` one: from distrust of a file, and
/// from what the system said of one.
macro_rules! wrap_file_error {
    ($visibility:vis $error:ident) => {
        impl From<quilt_trust::Distrust> for $error {
            fn from(distrust: quilt_trust::Distrust) -> Self {
                $crate::files::FileError::from(distrust).into()
            }
        }

        impl $error {
            /// What `error`, of trying to do something to `path`, means.
            $visibility fn io(
                action: &'static str,
                path: impl Into<std::path::PathBuf>,
                error: &std::io::Error,
            ) -> Self {
                $crate::files::FileError::of(action, path, error).into()
            }
        }
    };
}
pub(crate) use wrap_file_error;

/// Why a file could not be read or changed. Never quotes what is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// A file operation failed.
    #[error("cannot {action} {}: {reason}", quoted::path(path))]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        reason: String,
        /// By its kind.
        kind: io::ErrorKind,
    },
    /// The file stays as it is.
    #[error("cannot {action} {}: {pin}", quoted::path(path))]
    Pinned {
        /// What was tried, or would have been.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What keeps it.
        pin: Pin,
    },
    /// The file or its directory may be somebody else's doing: it is not
    /// believed, and left alone.
    #[error(transparent)]
    Distrusted(#[from] Distrust),
}

impl FileError {
    /// What `error`, of trying to do something to `path`, means.
    pub fn of(action: &'static str, path: impl Into<PathBuf>, error: &io::Error) -> Self {
        if let Some(distrust) = quilt_trust::behind(error) {
            return Self::Distrusted(distrust.clone());
        }
        let (path, kind) = (path.into(), error.kind());
        let may_be_pinned = matches!(
            kind,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ResourceBusy
        );
        match Pin::of_replaced(&path).filter(|_| may_be_pinned) {
            Some(pin) => Self::Pinned { action, path, pin },
            None => Self::Io {
                action,
                path,
                reason: words(error),
                kind,
            },
        }
    }
}
