//! Names of sessions of roles: `[\w+=,.@-]{2,64}` (AWS STS API Reference,
//! AssumeRole).

use std::ops::RangeInclusive;

/// How long they are.
pub const LENGTHS: RangeInclusive<usize> = 2..=64;

/// What they have beside letters and digits.
pub const ODD: &str = "_+=,.@-";

/// Whether a character may stand in one.
pub fn may_have(c: char) -> bool {
    c.is_ascii_alphanumeric() || ODD.contains(c)
}

/// Whether a text is one.
pub fn is_one(text: &str) -> bool {
    LENGTHS.contains(&text.len()) && text.chars().all(may_have)
}
