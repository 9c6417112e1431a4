//! Whose the tokens of a renewal are: what caches before a stack may answer it
//! with another user's, and everything would be done in that user's name.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use quilt_proto::Secret;
use serde_json::Value;

use super::SessionError;
use super::login_outcome::name;
use super::token_rotation::TokenSource;
use crate::token_store::Record;

/// How long a renewal waits for the stack to say whose its tokens are.
const TIMEOUT: Duration = Duration::from_secs(3);

impl TokenSource {
    /// That a renewed access token is another user's than the login is. The stack
    /// is asked only where the two tokens name two users.
    pub(super) async fn other_user(
        &self,
        record: &Record,
        renewed: &Secret,
    ) -> Option<SessionError> {
        let login = named_user(&record.access_token)?;
        named_user(renewed).filter(|user| *user != login)?;
        let known = self.dependencies.store.known_catalog(&self.catalog).await;
        let login = known.ok()?.login_user?;
        let asked = self.dependencies.stack.me(&record.registry_url, renewed);
        let renewed = name(&tokio::time::timeout(TIMEOUT, asked).await.ok()?.ok()?);
        (renewed != login).then(|| SessionError::OtherUser {
            catalog: self.catalog.clone(),
            login,
            renewed,
        })
    }
}

/// The user that an access token names, if it is a JSON Web Token (RFC 7519)
/// that does: `id` in a registry's, `sub` in an OAuth server's. Nobody's word
/// for it: the signature is the stack's to check.
fn named_user(token: &Secret) -> Option<Value> {
    let claims = token.expose().split('.').nth(1)?;
    let claims = zeroize::Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?);
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    claims.get("id").or_else(|| claims.get("sub")).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(claims: &str) -> Option<Value> {
        let claims = BASE64_URL_SAFE_NO_PAD.encode(claims);
        named_user(&Secret::from(format!("head.{claims}.sign")))
    }

    #[test]
    fn a_token_names_its_user_by_id_or_subject() {
        assert_eq!(user(r#"{"id":"a","uuid":"1"}"#), Some("a".into()));
        assert_eq!(user(r#"{"id":7,"sub":"b"}"#), Some(7.into()));
        assert_eq!(user(r#"{"sub":"b"}"#), Some("b".into()));
        assert_eq!(user(r#"{"exp":1}"#), None);
        assert_eq!(user("no JSON"), None);
        assert_eq!(named_user(&Secret::from("opaque".to_owned())), None);
        assert_eq!(named_user(&Secret::from("a.?.b".to_owned())), None);
    }
}
