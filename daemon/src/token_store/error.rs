//! Why the store could not be read or written, and what its user should know.

use std::path::PathBuf;

use quilt_proto::{CatalogUrl, quoted};
use quilt_trust::Others;

use crate::files::{FileError, wrap_file_error};
use quilt_trust::Held;

/// Why the store could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A file could not be read or changed.
    #[error(transparent)]
    File(#[from] FileError),
    /// Written by a version of quiltd this one does not understand.
    #[error(
        "{} was written by a newer quiltd; install that version, or move the file away",
        quoted::path(.0)
    )]
    Newer(PathBuf),
    /// What would be written could not be read again.
    #[error("what there is to keep is too large for {}: nothing was changed", quoted::path(.0))]
    TooLarge(PathBuf),
    /// Another program holds the lock for too long.
    #[error("{0}")]
    Busy(Held),
    /// The keyring did not do it.
    #[error("the keyring {0}; unlock it, or start quiltd with --token-store file")]
    Keyring(String),
    /// There is none that could be asked.
    #[error("there is no keyring service here: {0}")]
    NoKeyring(String),
    /// A login is where this daemon cannot end it.
    #[error(
        "a login at {catalog} is in the keyring, which this quiltd cannot reach; start it anew \
         where the keyring can be reached, and log out there, or, if that keyring is gone for \
         good, remove {}",
        quoted::path(record)
    )]
    InKeyring {
        /// Where.
        catalog: CatalogUrl,
        /// What says so.
        record: PathBuf,
    },
}

wrap_file_error!(pub(super) StoreError);

/// What the user should know about the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreNote {
    /// The logins in the file are lost: nobody can read it.
    #[error(
        "{} could not be understood and was kept as {}",
        quoted::path(file),
        quoted::path(kept_as)
    )]
    SetAside {
        /// The file.
        file: PathBuf,
        /// Where it is now.
        kept_as: PathBuf,
    },
    /// The logins in the keyring are lost: nobody can read them.
    #[error(
        "the keyring's entry for {} could not be understood and was kept as that for {}",
        quoted::name(account),
        quoted::name(kept_as)
    )]
    EntrySetAside {
        /// The account it is filed under, the state directory.
        account: String,
        /// The account it is filed under now.
        kept_as: String,
    },
    /// Others could read the logins until now.
    #[error(
        "{} could be read by {by} until quiltd closed it: whoever did has the logins in it",
        quoted::path(file)
    )]
    WasReadable {
        /// The file.
        file: PathBuf,
        /// Who.
        by: Others,
    },
    /// Where the catalogs' secrets go is not known.
    #[error("what is known of catalogs cannot be read: {0}")]
    Unread(StoreError),
    /// Where a catalog's secrets go is known until the daemon ends, or it can be
    /// written.
    #[error("what is known of {catalog} is not kept: {error}")]
    Unkept {
        /// The catalog.
        catalog: CatalogUrl,
        /// Why.
        error: StoreError,
    },
}
