//! What AWS calls things, in the alphabets AWS documents. Whatever a stack or
//! STS says is parsed into these before anybody gets it: no such value means
//! anything to a shell, to a `.env` file or to a terminal.

use std::str::FromStr;

use crate::{Secret, Timestamp};

/// Names the configuration file (AWS SDKs and Tools Reference Guide).
pub const CONFIG_FILE_ENV: &str = "AWS_CONFIG_FILE";
/// Names the credentials file.
pub const CREDENTIALS_FILE_ENV: &str = "AWS_SHARED_CREDENTIALS_FILE";

/// Why a text is not what it should be. Never quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAws {
    /// Not an access key's id.
    #[error("its AccessKeyId is none")]
    AccessKeyId,
    /// Not a secret access key.
    #[error("its SecretAccessKey is none")]
    SecretAccessKey,
    /// Not a session token.
    #[error("its SessionToken is none")]
    SessionToken,
    /// Not a time, or none that can be.
    #[error("its Expiration is no time at which AWS credentials can end")]
    Expiration,
    /// Not a region.
    #[error("its region is none")]
    Region,
    /// No credentials at all.
    #[error("credentials are missing in it, or of another form")]
    Shape,
}

/// Identifies credentials; not secret by itself. `[\w]*` of 16 to 128
/// characters (AWS STS API Reference, Credentials).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKeyId(String);

impl FromStr for AccessKeyId {
    type Err = NotAws;

    fn from_str(text: &str) -> Result<Self, NotAws> {
        let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let is_id = (16..=128).contains(&text.len()) && text.bytes().all(legal);
        is_id
            .then(|| Self(text.to_owned()))
            .ok_or(NotAws::AccessKeyId)
    }
}

/// Signs requests. AWS's are 40 characters of base64; those of stand-ins may
/// be longer or shorter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretAccessKey(Secret);

impl SecretAccessKey {
    /// The key.
    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

impl TryFrom<Secret> for SecretAccessKey {
    type Error = NotAws;

    fn try_from(secret: Secret) -> Result<Self, NotAws> {
        let text = secret.expose();
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"/+=".contains(&b);
        let is_key = (16..=256).contains(&text.len()) && text.bytes().all(legal) && !expands(text);
        is_key
            .then_some(Self(secret))
            .ok_or(NotAws::SecretAccessKey)
    }
}

/// Whether zsh makes something else of a value that an assignment begins with;
/// in base64, `=` is at the end.
fn expands(text: &str) -> bool {
    text.starts_with('=')
}

/// Goes with every request. AWS names neither alphabet nor length ("we
/// strongly recommend that you make no assumptions about the maximum size");
/// its own are base64, those of stand-ins are base64url or JWTs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionToken(Secret);

impl SessionToken {
    /// Longer ones fit into no request, in bytes.
    const MAX_BYTES: usize = 32 * 1024;

    /// The token.
    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

impl TryFrom<Secret> for SessionToken {
    type Error = NotAws;

    fn try_from(secret: Secret) -> Result<Self, NotAws> {
        let text = secret.expose();
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"/+=_-.,@%".contains(&b);
        let fits = (1..=Self::MAX_BYTES).contains(&text.len());
        let is_token = fits && text.bytes().all(legal) && !expands(text);
        is_token.then_some(Self(secret)).ok_or(NotAws::SessionToken)
    }
}

/// Keys of an AWS session.
#[derive(Debug, Clone)]
pub struct SessionKeys {
    /// Identifies them.
    pub access_key_id: AccessKeyId,
    /// Signs requests.
    pub secret_access_key: SecretAccessKey,
    /// Goes with every request.
    pub session_token: SessionToken,
    /// When AWS stops accepting them.
    pub expires_at: Timestamp,
}

/// An AWS region, such as `eu-west-1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(String);

impl FromStr for Region {
    type Err = NotAws;

    fn from_str(text: &str) -> Result<Self, NotAws> {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let edge = |text: &str| text.starts_with('-') || text.ends_with('-');
        let is_region = (2..=32).contains(&text.len()) && text.bytes().all(legal) && !edge(text);
        is_region
            .then(|| Self(text.to_owned()))
            .ok_or(NotAws::Region)
    }
}

crate::text_form::shown_as_text!(AccessKeyId Region);

/// The longest token of a stack, in bytes.
const MAX_TOKEN: usize = 32 * 1024;

/// A refresh token of a stack: one run of visible ASCII. It is sent to the
/// stack alone, and never shown.
pub fn is_token(secret: &Secret) -> bool {
    let text = secret.expose();
    (1..=MAX_TOKEN).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// A bearer token of a stack: a `b64token` (RFC 6750, section 2.1), which means
/// nothing to a shell that it is pasted into. One that begins with `~` would: in
/// an assignment, a home takes its place.
pub fn is_bearer(secret: &Secret) -> bool {
    let text = secret.expose();
    let body = text.trim_end_matches('=');
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b);
    let is_plain = !body.is_empty() && !body.starts_with('~');
    is_plain && text.len() <= MAX_TOKEN && body.bytes().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What means something to a shell, a `.env` file, a header or a terminal.
    const HOSTILE: &[&str] = &[
        "'", "\"", "`", "\\", "$", " ", "\n", "\r", "\0", "\u{1b}", ";", "&", "|", "<", ">", "(",
        ")", "{", "}", "[", "]", "*", "?", "!", "#", "~", "^", ":", "\u{202e}", "é", "\u{200b}",
    ];

    #[test]
    fn real_credentials_are_taken() {
        for id in ["ASIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EX_"] {
            assert_eq!(id.parse::<AccessKeyId>().unwrap().as_str(), id);
        }
        let key = Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
        assert_eq!(
            SecretAccessKey::try_from(key.clone()).unwrap().secret(),
            &key
        );
        for token in [
            "IQoJb3JpZ2luX2VjEJr//+=",
            "eyJ0.eyJz-_.c2ln",
            &"a".repeat(12_000),
        ] {
            assert!(SessionToken::try_from(Secret::new(token)).is_ok());
        }
        for region in ["us-east-1", "us-gov-west-1", "cn-north-1", "aws-global"] {
            assert_eq!(region.parse::<Region>().unwrap().as_str(), region);
        }
    }

    #[test]
    fn nothing_that_means_something_elsewhere_is_taken() {
        let id = "ASIAIOSFODNN7EXAMPLE";
        for hostile in HOSTILE {
            for text in [
                format!("{hostile}{id}"),
                format!("{id}{hostile}"),
                format!("AAAAAAAA{hostile}{id}"),
            ] {
                assert!(text.parse::<AccessKeyId>().is_err(), "{text:?}");
                assert!(text.to_lowercase().parse::<Region>().is_err(), "{text:?}");
                let secret = || Secret::new(text.as_str());
                assert!(SecretAccessKey::try_from(secret()).is_err(), "{text:?}");
                assert!(SessionToken::try_from(secret()).is_err(), "{text:?}");
            }
        }
        let zsh = || Secret::new(format!("={}", "a".repeat(40)));
        assert!(SecretAccessKey::try_from(zsh()).is_err());
        assert!(SessionToken::try_from(zsh()).is_err());
        for text in ["", "ASIA", &"A".repeat(129)] {
            assert!(text.parse::<AccessKeyId>().is_err(), "{text:?}");
        }
        assert!(SessionToken::try_from(Secret::new("")).is_err());
        assert!(!is_token(&Secret::new("a b")) && !is_token(&Secret::new("a\r\nX: y")));
        assert!(is_token(&Secret::new("eyJ0.eyJz-_.c2ln")));
        assert!(is_bearer(&Secret::new("eyJ0.eyJz-_.c2ln~+/==")));
        for bad in [
            "", "=", "=a", "~", "~a", "~root/a", "a=b", "a\"b", "a'b", "$(id)", "a;b", "a b",
            "a`b", "a\\b",
        ] {
            assert!(!is_bearer(&Secret::new(bad)), "{bad}");
        }
    }
}
