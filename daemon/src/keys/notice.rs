//! What the owner of a key has to do something about.

use quilt_proto::shell::quoted;
use quilt_proto::{CatalogUrl, RegistryHost, Timestamp};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyNotice {
    /// The key in use stops working soon, or has.
    #[error(
        "the API key '{name}' ({fingerprint}) in use at {catalog} {} at {at}",
        if *is_over { "expired" } else { "expires" }
    )]
    Ends {
        /// The key's name.
        name: String,
        /// What the stack shows of it.
        fingerprint: String,
        /// Where it is used.
        catalog: CatalogUrl,
        /// When.
        at: Timestamp,
        /// Whether it has.
        is_over: bool,
    },
    /// The key in use is sent nowhere.
    #[error("the API key for {catalog} is not used: {why}")]
    HeldBack {
        /// Where it would be used.
        catalog: CatalogUrl,
        /// The registry's host, as the catalog names it.
        named: RegistryHost,
        /// In words.
        why: String,
    },
    /// A rotation left a key behind.
    #[error("a rotation at {catalog} is not finished, another API key named '{name}' still works")]
    Left {
        /// The name of both.
        name: String,
        /// The one that is left.
        id: String,
        /// Where.
        catalog: CatalogUrl,
    },
}

impl KeyNotice {
    /// The command that does it.
    pub fn mend(&self) -> String {
        match self {
            Self::Ends { catalog, .. } => {
                format!("quiltctl api-keys rotate --current --catalog {catalog}")
            }
            Self::HeldBack { catalog, named, .. } => {
                let (host, catalog) = (quoted(named.as_str()), quoted(catalog.as_str()));
                format!("quiltctl config --accept-registry {host} --catalog {catalog}")
            }
            Self::Left { id, catalog, .. } => {
                format!("quiltctl api-keys revoke {id} --catalog {catalog}")
            }
        }
    }

    /// Whether the key does not work already.
    pub fn is_over(&self) -> bool {
        matches!(
            self,
            Self::Ends { is_over: true, .. } | Self::HeldBack { .. }
        )
    }
}
