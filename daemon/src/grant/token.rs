//! Tokens of grants: 256 random bits, kept as a hash alone.

use std::fmt::Write;

use quilt_proto::Secret;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

/// What is kept of a token. A fast hash is enough: there is nothing to guess.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TokenHash([u8; 32]);

impl Serialize for TokenHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for TokenHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut hash = [0; 32];
        let digits = text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).unwrap_or_default();
            *byte = u8::from_str_radix(pair, 16).unwrap_or_default();
        }
        digits
            .then_some(Self(hash))
            .ok_or_else(|| de::Error::custom("not a SHA-256 in hex"))
    }
}

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

/// Whether a text looks like a token.
pub fn is_token(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit())
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
