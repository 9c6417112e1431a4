//! Tokens of grants: 256 random bits, kept as a hash alone.
//!
//! Those of a registry have the three parts of a JWT (RFC 7519), because some of
//! its clients look into a bearer token before they send it. The random bits
//! stand where a signature would; nobody is named in the rest.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use quilt_proto::{Secret, Timestamp, hex};
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

/// The header of a registry's token. Its key is nobody's: who verifies
/// signatures refuses it.
const HEADER: &str = r#"{"alg":"HS256","kid":"quiltd","typ":"JWT"}"#;

/// How long a registry's token says it is good, in seconds. Clients keep it as
/// long as they run, so this outlives any of them; when it really ends is for
/// the daemon alone to say.
pub const STATED_LIFETIME_SECONDS: i64 = 10 * 365 * 24 * 3600;

/// A new token: 64 hex digits, which every header, variable and file can hold.
pub(super) fn random() -> Result<Secret, getrandom::Error> {
    Ok(Secret::from(hex(&*bytes::<32>()?)))
}

/// A new token of a registry.
pub(super) fn for_registry(now: Timestamp) -> Result<Secret, getrandom::Error> {
    let claims = format!(
        r#"{{"exp":{}}}"#,
        now.plus_seconds(STATED_LIFETIME_SECONDS).unix()
    );
    let [header, claims] = [HEADER, &claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
    let random = random()?;
    let mut token = String::with_capacity(header.len() + claims.len() + 66);
    for part in [&header, ".", &claims, ".", random.expose()] {
        token.push_str(part);
    }
    Ok(Secret::from(token))
}

/// Whether a text looks like a token: random digits alone, which is what a
/// registry's were once, too, or with the two parts of its header before them.
pub fn is_token(text: &str) -> bool {
    let random = match text.split_once('.') {
        None => text,
        Some((header, rest)) if header == BASE64_URL_SAFE_NO_PAD.encode(HEADER) => {
            rest.split_once('.').map_or("", |(_claims, random)| random)
        }
        Some(_) => "",
    };
    random.len() == 64 && random.bytes().all(|digit| digit.is_ascii_hexdigit())
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_token_of_a_registry_has_the_parts_of_a_jwt_and_names_nobody() {
        let now = Timestamp::from_unix(1_700_000_000);
        let token = for_registry(now).unwrap();
        let parts: Vec<&str> = token.expose().split('.').collect();
        let [header, claims, random] = parts[..] else {
            panic!("{} parts", parts.len())
        };
        let json = |part: &str| {
            let text = BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
            serde_json::from_slice::<Value>(&text).unwrap()
        };
        assert_eq!(json(header)["typ"], "JWT");
        let exp = now.plus_seconds(STATED_LIFETIME_SECONDS).unix();
        assert_eq!(json(claims), json!({ "exp": exp }));
        assert!(BASE64_URL_SAFE_NO_PAD.decode(random).is_ok());
        let other = for_registry(now).unwrap();
        assert_ne!(token.expose(), other.expose());
        assert!(!other.expose().contains(random));
    }

    #[test]
    fn tokens_old_and_new_are_told_from_those_of_a_stack() {
        let new = for_registry(Timestamp::from_unix(0)).unwrap();
        assert!(is_token(new.expose()));
        let plain = random().unwrap();
        assert!(is_token(plain.expose()));
        let header = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
        for other in [
            "",
            "..",
            "eyJ0.eyJz.c2ln",
            &format!("{header}.e30.{}", plain.expose()),
            &plain.expose()[1..],
            &new.expose()[..new.expose().len() - 1],
            &format!("{}.x", new.expose()),
        ] {
            assert!(!is_token(other), "{other}");
        }
    }
}
