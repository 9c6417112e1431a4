//! What a grant opens.

use quilt_proto::wire::GrantKind;
use quilt_proto::{CatalogUrl, ProfileName};

/// What a grant opens.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Right {
    /// The credentials of one profile.
    Credentials {
        /// The catalog they come from.
        catalog: CatalogUrl,
        /// The profile.
        profile: ProfileName,
    },
    /// The registry of one catalog, as whoever is logged in to it.
    Registry {
        /// The catalog.
        catalog: CatalogUrl,
        /// Whether what makes API keys, or makes or ends logins, is kept back.
        without_api_keys: bool,
    },
}

/// A kind of right: each has a listener of its own.
pub type Kind = GrantKind;

impl Right {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Credentials { .. } => Kind::Credentials,
            Self::Registry { .. } => Kind::Registry,
        }
    }

    /// The catalog it is about.
    pub fn catalog(&self) -> &CatalogUrl {
        match self {
            Self::Credentials { catalog, .. } | Self::Registry { catalog, .. } => catalog,
        }
    }

    /// Whether it is one that keeps API keys and logins back.
    pub fn without_api_keys(&self) -> bool {
        match self {
            Self::Credentials { .. } => false,
            Self::Registry {
                without_api_keys, ..
            } => *without_api_keys,
        }
    }

    /// The profile it is about, if it is about one.
    pub fn profile(&self) -> Option<&ProfileName> {
        match self {
            Self::Credentials { profile, .. } => Some(profile),
            Self::Registry { .. } => None,
        }
    }
}
