//! Names of sessions of roles: `[\w+=,.@-]{2,64}` (AWS STS API Reference,
//! AssumeRole).

use std::ops::RangeInclusive;

/// How long they are.
pub const LENGTHS: RangeInclusive<usize> = 2..=64;

/// What they have beside letters and digits.
pub const ODD: &str = "_+=,.@-";

/// Whether a character may stand in one.
fn may_have(c: char) -> bool {
    c.is_ascii_alphanumeric() || ODD.contains(c)
}

/// Whether a text is one.
pub fn is_one(text: &str) -> bool {
    LENGTHS.contains(&text.len()) && text.chars().all(may_have)
}

/// A user's name in AWS's alphabet for names of sessions, so that CloudTrail
/// says who it was.
pub fn of_user(user: &str) -> Option<String> {
    let name = user
        .trim()
        .chars()
        .map(|c| if may_have(c) { c } else { '-' });
    let name: String = name.take(*LENGTHS.end()).collect();
    let says_something = name.chars().any(|c| c.is_ascii_alphanumeric());
    (says_something && is_one(&name)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_users_become_names_of_sessions() {
        let name = |user: &str| of_user(user);
        assert_eq!(name("alice").as_deref(), Some("alice"));
        assert_eq!(name("a.b+c@x.example").as_deref(), Some("a.b+c@x.example"));
        assert_eq!(name("J\u{fc}rg O'Neil").as_deref(), Some("J-rg-O-Neil"));
        assert_eq!(name(&"x".repeat(200)).map(|name| name.len()), Some(64));
        for none in ["", "a", "  ", "\u{738b}\u{5c0f}\u{660e}"] {
            assert_eq!(name(none), None, "{none}");
        }
    }
}
