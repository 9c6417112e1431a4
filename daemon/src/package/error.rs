//! How a registry can fail. No HTTP in here.

use std::collections::BTreeSet;
use std::fmt;
use std::io;

use quilt_network::{Failure, Origin};
use quilt_proto::aws::Region;
use quilt_proto::suggested_command::clause;
use quilt_proto::{PackageName, Reason, TopHash, quoted};

use crate::credential::CredentialError;
use crate::quilt3::ConfigError;

/// Why the store below a registry did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// There is no such object or file.
    #[error("there is no {0}")]
    Missing(String),
    /// There is no such bucket.
    #[error("there is no bucket '{0}'")]
    NoSuchBucket(String),
    /// The file system said no.
    #[error("{}: {reason}", quoted::name(path))]
    Denied {
        /// Where.
        path: String,
        /// Why.
        reason: String,
    },
    /// S3 understood and said no.
    #[error("{place} refused: {reason}")]
    Refused {
        /// The bucket.
        place: String,
        /// Why, as it says.
        reason: Reason,
    },
    /// S3 does not accept the credentials although they look valid.
    #[error("bucket '{bucket}' refused: {code}, also with fresh credentials")]
    Stale {
        /// The bucket.
        bucket: String,
        /// S3's error code.
        code: String,
    },
    /// The bucket lies in another region, and which one cannot be found out.
    #[error("bucket '{bucket}' lies in another region than {asked}")]
    WrongRegion {
        /// The bucket.
        bucket: String,
        /// Where it was looked for.
        asked: String,
        /// Where it is, if S3 said so.
        told: Option<Region>,
    },
    /// No answer, a broken one, or a 5xx: may pass.
    #[error("{place} {failure}")]
    Unreachable {
        /// The bucket.
        place: String,
        /// Where it was asked for, if it got as far as that.
        origin: Option<Origin>,
        /// What happened.
        failure: Failure,
    },
    /// An answer came, but not one S3 gives.
    #[error("{place}: {reason}")]
    Garbled {
        /// The bucket.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No credentials to ask with.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// What is there is not what a registry holds.
    #[error("{}: {reason}", quoted::name(place))]
    Invalid {
        /// Which object or file.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The file system failed.
    #[error("cannot {action} {}: {reason}", quoted::name(path))]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: String,
        /// What the system said.
        reason: String,
        /// Which kind of failure that is.
        kind: io::ErrorKind,
    },
}

impl StoreError {
    /// What is there is not what a registry holds.
    pub(super) fn invalid(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid {
            place: place.into(),
            reason: reason.into(),
        }
    }
}

/// Why a registry did not do what it was asked. The texts of the Python SDK
/// are kept where it has one.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PackageError {
    /// The registry's URL is not one.
    #[error("that is not a registry: {0}")]
    Registry(&'static str),
    /// None was given, and the configuration names none.
    #[error("no registry is given, and default_local_registry is not set")]
    NoRegistry,
    /// There is no such layout.
    #[error("there are layouts 1 and 2, and no other")]
    NoLayout,
    /// The configuration cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An S3 registry needs a catalog whose credentials to use.
    #[error(transparent)]
    Catalog(#[from] crate::catalog_resolver::CatalogError),
    /// There is no such package.
    #[error("there is no package {} in {}", quoted::name(.0.name.as_str()), quoted::name(&.0.registry))]
    NoSuchPackage(Wanted),
    /// The package has no such version.
    #[error("No such package version exists in the given directory.")]
    NoSuchVersion(Wanted),
    /// No hash begins like this.
    #[error("Found zero matches for '{0}'")]
    NoMatch(TopHash, Wanted),
    /// More than one hash begins like this.
    #[error("Found multiple matches: '{0}'")]
    ManyMatches(TopHash, Wanted),
    /// The store failed; nothing was changed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store failed in the middle of a deletion.
    #[error(transparent)]
    HalfDeleted(Box<HalfDeleted>),
}

/// A package that was looked for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The package.
    pub name: PackageName,
    /// Where it was looked for.
    pub registry: String,
}

/// A deletion that stopped after it had changed something.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}; until then {progress}", clause(cause))]
pub struct HalfDeleted {
    /// What has been done and what is left.
    pub progress: Progress,
    /// Why it stopped.
    pub cause: StoreError,
    /// The package.
    pub name: PackageName,
    /// Where it is.
    pub registry: String,
    /// The one version to delete, if it is not all of them.
    pub top_hash: Option<String>,
}

/// How far a deletion came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// What `latest` points to instead, if it was changed.
    pub latest: Option<String>,
    /// Objects that are gone, relative to the registry's root.
    pub deleted: Vec<String>,
    /// Objects that should be gone as well.
    pub left: BTreeSet<String>,
}

/// The most objects an error names.
const SHOWN: usize = 4;

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(hash) = &self.latest {
            write!(f, "latest was pointed to {}, ", quoted::name(hash))?;
        }
        let deleted = some(self.deleted.len(), self.deleted.iter());
        let left = some(self.left.len(), self.left.iter());
        write!(f, "{deleted} deleted, {left} left")
    }
}

/// "2 objects (a, b)".
fn some<'a>(count: usize, objects: impl Iterator<Item = &'a String>) -> String {
    let noun = if count == 1 { "object" } else { "objects" };
    let mut named: Vec<String> = objects
        .take(SHOWN)
        .map(|object| quoted::name(object).to_string())
        .collect();
    if count > SHOWN {
        named.push("…".to_owned());
    }
    if named.is_empty() {
        format!("{count} {noun}")
    } else {
        format!("{count} {noun} ({})", named.join(", "))
    }
}
