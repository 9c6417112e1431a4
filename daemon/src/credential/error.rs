//! Why there are no AWS credentials.

use quilt_proto::{CatalogUrl, Command, ProfileName};

use crate::aws::AwsError;
use crate::catalog_resolver::CatalogError;
use crate::clock::ClockSkew;
use crate::refresh::RefreshError;
use crate::session::SessionError;

const SLOW: &str = "AWS takes too long to answer";

/// Why a profile gives no credentials.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CredentialError {
    /// The session below them.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// Credentials arrived already expired.
    #[error(transparent)]
    ClockSkew(#[from] ClockSkew),
    /// No catalog could be told.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The profile is another catalog's than the right to use it.
    #[error(
        "profile '{profile}' is of {catalog} by now, not of {asked}: a program that was started \
         for the old one has to be started again"
    )]
    OtherCatalog {
        /// The profile.
        profile: ProfileName,
        /// Its catalog now.
        catalog: CatalogUrl,
        /// The catalog it was asked for.
        asked: CatalogUrl,
    },
    /// There is no such profile.
    #[error("{}{}", name.unknown(known), because(problem.as_deref()))]
    UnknownProfile {
        /// The name asked for.
        name: ProfileName,
        /// Those there are.
        known: Vec<ProfileName>,
        /// Why the settings file is not in force, if it is not.
        problem: Option<String>,
        /// What mends the file, or shows it.
        remedy: Command,
    },
    /// AWS gives nothing for a profile's roles.
    #[error("profile '{profile}': {source}")]
    Aws {
        /// The profile.
        profile: ProfileName,
        /// What AWS said.
        source: AwsError,
    },
    /// AWS takes longer than the caller can wait; the attempt goes on.
    #[error("profile '{0}': {SLOW}")]
    SlowAws(ProfileName),
    /// The stack takes longer than the caller can wait; the attempt goes on.
    #[error("{0} takes too long to answer")]
    Slow(CatalogUrl),
    /// The daemon is stopping.
    #[error("quiltd is stopping")]
    Stopping,
}

fn because(problem: Option<&str>) -> String {
    problem.map_or_else(String::new, |problem| format!(" ({problem})"))
}

impl CredentialError {
    /// The same for whoever has named the profile already.
    pub fn reason(&self) -> String {
        match self {
            Self::Aws { source, .. } => source.to_string(),
            Self::SlowAws(_) => SLOW.to_owned(),
            other => other.to_string(),
        }
    }

    /// For how many seconds the stack is not to be asked again, where it said so.
    pub(super) fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Session(error) => error.retry_after(),
            _ => None,
        }
    }

    pub(super) fn from_refresh(error: RefreshError<Self>, catalog: &CatalogUrl) -> Self {
        error.or(|| Self::Slow(catalog.clone()), || Self::Stopping)
    }
}
