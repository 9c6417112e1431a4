//! Access tokens: JWTs signed with a secret of the stack's own.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// The user.
    pub(crate) id: String,
    /// The token, by which the stack finds its session.
    pub(crate) uuid: String,
    /// Unix seconds.
    pub(crate) exp: i64,
}

/// Signs and reads access tokens.
pub(crate) struct Jwt {
    signing: EncodingKey,
    reading: DecodingKey,
    validation: Validation,
}

impl std::fmt::Debug for Jwt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Jwt")
    }
}

impl Jwt {
    /// A signer with a fresh secret.
    pub(crate) fn new() -> Self {
        let secret = super::super::random::bytes::<32>();
        let mut validation = Validation::new(Algorithm::HS256);
        // Expiry is judged by the stack's clock, which tests move.
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        Self {
            signing: EncodingKey::from_secret(&secret),
            reading: DecodingKey::from_secret(&secret),
            validation,
        }
    }

    pub(crate) fn sign(&self, claims: &Claims) -> String {
        #[expect(clippy::expect_used, reason = "HS256 over plain strings and a number")]
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.signing)
            .expect("claims can be signed")
    }

    /// What the token says, if this stack signed it.
    pub(crate) fn read(&self, token: &str) -> Option<Claims> {
        jsonwebtoken::decode(token, &self.reading, &self.validation)
            .ok()
            .map(|data| data.claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_stack_that_signed_a_token_reads_it() {
        let claims = Claims {
            id: "1".to_owned(),
            uuid: "2".to_owned(),
            exp: 3,
        };
        let (one, other) = (Jwt::new(), Jwt::new());
        let token = one.sign(&claims);
        assert_eq!(one.read(&token), Some(claims));
        assert_eq!(other.read(&token), None);
        assert_eq!(one.read("nonsense"), None);
    }
}
