//! Profiles of `quiltd.toml`.

use serde::{Deserialize, Serialize};

use crate::{CatalogUrl, ProfileName, Timestamp};

/// One profile in `GET /v1/profiles`, and what it last gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProfileStatus {
    /// Its name.
    pub name: ProfileName,
    /// Where its credentials come from; null where no catalog is configured.
    pub catalog_url: Option<CatalogUrl>,
    /// The roles it assumes, in order; none for the stack's own credentials.
    pub role_arn: Vec<String>,
    /// Its AWS region, where known.
    pub region: Option<String>,
    /// When what it gave stops working; null when nothing is held.
    pub expires_at: Option<Timestamp>,
    /// When that will be replaced.
    pub next_refresh_at: Option<Timestamp>,
    /// Why the last attempt failed, until one succeeds.
    pub last_error: Option<String>,
}
