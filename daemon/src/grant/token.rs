//! Tokens of grants: 256 random bits, kept as a hash alone.

use std::fmt::Write;

use quilt_proto::Secret;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

/// What is kept of a token. A fast hash is enough: there is nothing to guess.
#[derive(Clone)]
pub(super) struct TokenHash([u8; 32]);

impl TokenHash {
    pub(super) fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// Whether both are of the same token, in constant time.
    pub(super) fn is(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

/// A new token: 64 hex digits, which every header, variable and file can hold.
pub(super) fn random() -> Result<Secret, getrandom::Error> {
    Ok(Secret::from(hex(&*bytes::<32>()?)))
}

/// A new name of a grant; not a secret.
pub(super) fn id() -> Result<String, getrandom::Error> {
    Ok(hex(&*bytes::<8>()?))
}

fn bytes<const N: usize>() -> Result<Zeroizing<[u8; N]>, getrandom::Error> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes)?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
