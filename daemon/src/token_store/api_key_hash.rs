//! By what an API key is known again, without being kept.

use std::fmt::Write;

use quilt_proto::Secret;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Half of the SHA-256 of an API key, in hex: a key is too long to be guessed
/// from it, and no two have the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ApiKeyHash(String);

impl ApiKeyHash {
    /// Of this key.
    pub fn of(key: &Secret) -> Self {
        let digest = Sha256::digest(key.expose());
        Self(digest.iter().take(16).fold(String::new(), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        }))
    }
}
