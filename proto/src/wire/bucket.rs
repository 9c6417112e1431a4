//! What a catalog is made of.

use serde::{Deserialize, Serialize};

/// A bucket that the catalog shows the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Bucket {
    /// Its name, as S3 knows it.
    pub name: String,
    /// What the catalog calls it; absent where it has no other name there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}
