//! Names users type, checked once at the edge.

use std::str::FromStr;

use crate::text_form::{serde_as_text, shown_as_text};
use crate::{ApiKeySecret, quoted};

/// Why a name was refused. The messages for packages, hashes and keys are the
/// Python SDK's own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not `namespace/name`.
    #[error("Invalid package name: {0}.")]
    Package(quoted::Name),
    /// Not 6 to 64 lower-case hex digits.
    #[error("Invalid hash: {0}.")]
    Hash(quoted::Name),
    /// Not a profile name.
    #[error("invalid profile name: use 1 to 64 letters, digits, '-', '_' or '.'")]
    Profile,
    /// An API key or a token where a profile's name belongs.
    #[error("a profile's name does not look like an API key or a token")]
    ProfileIsSecret,
    /// Not a catalog's name.
    #[error("a catalog's name is letters, digits, - and _, at most {max} of them", max = CatalogName::MAX_BYTES)]
    Catalog,
    /// An API key where a catalog's name belongs.
    #[error("a catalog's name does not begin like an API key")]
    CatalogIsSecret,
    /// Not the identifier of a key.
    #[error("that is not the id of an API key; `quiltctl api-keys list` shows them")]
    ApiKeyId,
    /// A key's secret where its identifier belongs.
    #[error("that is a key's secret, not its id; give a secret on stdin only")]
    ApiKeyIdIsSecret,
    /// A key without its prefix.
    #[error("API key must start with 'qk_' prefix")]
    ApiKeyPrefix,
    /// A key that has the prefix but cannot be an HTTP bearer token.
    #[error("API key contains characters that no key has; copy it again")]
    ApiKeyCharacters,
}

/// A credential profile of `quiltd.toml`; `default` is the stack's own role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileName(String);

impl ProfileName {
    /// The profile of the stack's own credentials.
    pub fn default_profile() -> Self {
        Self("default".to_owned())
    }

    /// What is said where there is no profile of this name, but these.
    pub fn unknown<'a>(&self, known: impl IntoIterator<Item = &'a Self>) -> String {
        let known: Vec<&str> = known.into_iter().map(Self::as_str).collect();
        let there = if let [_] = *known { "is only" } else { "are" };
        let known = known.join(", ");
        format!("there is no profile '{self}' in quiltd.toml; there {there} {known}")
    }

    /// Whether this is the stack's own profile.
    pub fn is_default(&self) -> bool {
        self.0 == "default"
    }
}

impl FromStr for ProfileName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if text.is_empty() || text.len() > 64 || !text.chars().all(legal) {
            return Err(NameError::Profile);
        }
        if ApiKeySecret::has_within(text) {
            return Err(NameError::ProfileIsSecret);
        }
        Ok(Self(text.to_owned()))
    }
}

/// A package name, `namespace/name`, each part of word characters and `-`
/// (the Python SDK's `^[\w-]+/[\w-]+$`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageName(String);

impl PackageName {
    /// The part before the slash.
    pub fn namespace(&self) -> &str {
        self.0
            .split_once('/')
            .map_or("", |(namespace, _)| namespace)
    }

    /// The part after the slash.
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, name)| name)
    }
}

impl FromStr for PackageName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let legal = |part: &str| {
            let legal = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
            !part.is_empty() && part.chars().all(legal)
        };
        match text.split_once('/') {
            Some((namespace, name)) if legal(namespace) && legal(name) => Ok(Self(text.to_owned())),
            _ => Err(NameError::Package(quoted::name(text))),
        }
    }
}

/// A package revision's top hash, or a prefix of one: 6 to 64 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopHash(String);

impl TopHash {
    /// Whether all 64 digits are there.
    pub fn is_complete(&self) -> bool {
        self.0.len() == 64
    }
}

impl FromStr for TopHash {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let is_hash = (6..=64).contains(&text.len()) && text.bytes().all(hex);
        is_hash
            .then(|| Self(text.to_owned()))
            .ok_or_else(|| NameError::Hash(quoted::name(text)))
    }
}

/// A catalog's name in `quiltd.toml`, instead of its address: one that is no
/// host, no URL and no API key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CatalogName(String);

impl CatalogName {
    /// The longest name, in bytes.
    const MAX_BYTES: usize = 64;
}

impl FromStr for CatalogName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let begins_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        let is_short = text.len() <= Self::MAX_BYTES;
        if !begins_well || !is_short || !text.chars().all(legal) || text == "localhost" {
            return Err(NameError::Catalog);
        }
        if ApiKeySecret::is_like(text) {
            return Err(NameError::CatalogIsSecret);
        }
        Ok(Self(text.to_owned()))
    }
}

/// The identifier of an API key, as the stack gave it. Opaque; anything that
/// needs no escaping in a URL's path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiKeyId(String);

impl FromStr for ApiKeyId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"-_.~:=@+".contains(&b);
        if ApiKeySecret::is_like(text) {
            return Err(NameError::ApiKeyIdIsSecret);
        }
        let is_whole = (1..=256).contains(&text.len()) && !matches!(text, "." | "..");
        if !is_whole || !text.bytes().all(legal) {
            return Err(NameError::ApiKeyId);
        }
        Ok(Self(text.to_owned()))
    }
}

shown_as_text!(CatalogName ProfileName PackageName TopHash ApiKeyId);
serde_as_text!(CatalogName ProfileName PackageName TopHash ApiKeyId);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn packages_have_two_parts_of_word_characters() {
        assert_eq!("ns/n-1_é".parse::<PackageName>().unwrap().name(), "n-1_é");
        for bad in ["", "a", "a/", "/b", "a/b/c", "a b/c", "../x", "a/b\n"] {
            assert!(bad.parse::<PackageName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn hashes_are_six_to_sixty_four_hex_digits() {
        assert!("abc123".parse::<TopHash>().is_ok());
        assert!("abc12".parse::<TopHash>().is_err());
        assert!("ABC123".parse::<TopHash>().is_err());
        assert!("a".repeat(64).parse::<TopHash>().unwrap().is_complete());
        assert!("a".repeat(65).parse::<TopHash>().is_err());
    }

    #[test]
    fn ids_go_into_a_path_and_secrets_do_not() {
        assert!("0b9e7a52-6b1f-4f0e-9d0f-6c1d".parse::<ApiKeyId>().is_ok());
        for bad in ["", "a/b", "..", "a b", "a?b", "é", "a%2fb"] {
            assert_eq!(bad.parse::<ApiKeyId>(), Err(NameError::ApiKeyId), "{bad}");
        }
        assert_eq!(
            "qk_abc".parse::<ApiKeyId>(),
            Err(NameError::ApiKeyIdIsSecret)
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text in "\\PC{0,100}") {
            let _ = text.parse::<PackageName>();
            let _ = text.parse::<TopHash>();
            let _ = text.parse::<ProfileName>();
        }
    }
}
