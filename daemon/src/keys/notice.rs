//! What the owner of a key has to do something about.

use quilt_proto::{CatalogUrl, Timestamp};

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
            Self::Left { id, catalog, .. } => {
                format!("quiltctl api-keys revoke {id} --catalog {catalog}")
            }
        }
    }

    /// Whether it is too late already.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Ends { is_over: true, .. })
    }
}
