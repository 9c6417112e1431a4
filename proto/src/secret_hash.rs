//! By what an API key or a code is known again, without being kept.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Secret, hex};

/// Half of the SHA-256 of a secret, in hex: those are too long to be guessed
/// from it, and no two have the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SecretHash(String);

impl SecretHash {
    /// Of this secret.
    pub fn of(secret: &Secret) -> Self {
        let digest = Sha256::digest(secret.expose());
        Self(hex(&digest[..16]))
    }
}
