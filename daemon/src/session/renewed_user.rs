//! Whose the tokens of a renewal are: what caches before a stack may answer it
//! with another user's, and everything would be done in that user's name.

use std::time::Duration;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use quilt_proto::Secret;
use serde_json::Value;

use super::LoginOutcome;
use super::SessionError;
use super::token_rotation::TokenSource;
use crate::stack::StackError;
use crate::token_store::Record;

/// With padding or without: not everybody reads RFC 7515.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How long a renewal waits for the stack to say whose its tokens are.
const TIMEOUT: Duration = Duration::from_secs(3);

impl TokenSource {
    /// That a renewed access token is another user's than the login is. The stack
    /// is asked only where the two tokens name two users; fails where it does not
    /// say whose the new one is.
    pub(super) async fn other_user(
        &self,
        record: &Record,
        renewed: &Secret,
    ) -> Result<Option<SessionError>, SessionError> {
        let names = (named_user(&record.access_token), named_user(renewed));
        let (Some(before), Some(now)) = names else {
            return Ok(None);
        };
        if before == now {
            return Ok(None);
        }
        let known = self.dependencies.store.known_catalog(&self.catalog).await;
        let known = known.ok().and_then(|known| known.login_owner);
        let known = known.filter(|owner| owner.login_id == record.login_id);
        let known = known.map(|owner| owner.name);
        let login = match known {
            Some(known) => Some(known),
            None => match self.whose(record, &record.access_token).await {
                Ok(login) => Some(login),
                // It has ended: that the tokens name two users is all there is.
                Err(SessionError::Stack(StackError::Unauthorized { .. })) => None,
                Err(error) => return Err(error),
            },
        };
        let renewed = self.whose(record, renewed).await?;
        Ok(
            (login.as_ref() != Some(&renewed)).then(|| SessionError::OtherUser {
                catalog: self.catalog.clone(),
                login,
                renewed,
            }),
        )
    }

    async fn whose(&self, record: &Record, token: &Secret) -> Result<String, SessionError> {
        let stack = &self.dependencies.stack;
        let asked = stack.registry(&record.registry_url, token).me();
        let slow = |_| SessionError::Slow(self.catalog.clone());
        let me = tokio::time::timeout(TIMEOUT, asked).await.map_err(slow)?;
        Ok(LoginOutcome::name(&me?))
    }
}

/// The user that an access token names, if it is a JSON Web Token (RFC 7519)
/// that does: `id` in a registry's, `sub` in an OAuth server's. Nobody's word
/// for it: the signature is the stack's to check.
fn named_user(token: &Secret) -> Option<Value> {
    let claims = token.expose().split('.').nth(1)?;
    let claims = zeroize::Zeroizing::new(BASE64.decode(claims).ok()?);
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    let named = ["id", "sub"].map(|claim| claims.get(claim));
    named
        .into_iter()
        .flatten()
        .find(|id| !id.is_null())
        .cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(claims: &str) -> Option<Value> {
        let claims = BASE64.encode(claims);
        named_user(&Secret::from(format!("head.{claims}.sign")))
    }

    #[test]
    fn a_token_names_its_user_by_id_or_subject() {
        assert_eq!(user(r#"{"id":"a","uuid":"1"}"#), Some("a".into()));
        assert_eq!(user(r#"{"id":7,"sub":"b"}"#), Some(7.into()));
        assert_eq!(user(r#"{"sub":"b"}"#), Some("b".into()));
        assert_eq!(user(r#"{"id":null,"sub":"b"}"#), Some("b".into()));
        let padded = Secret::from("head.eyJpZCI6ImFiIn0=.sign".to_owned());
        assert_eq!(named_user(&padded), Some("ab".into()));
        assert_eq!(user(r#"{"exp":1}"#), None);
        assert_eq!(user("no JSON"), None);
        assert_eq!(named_user(&Secret::from("opaque".to_owned())), None);
        assert_eq!(named_user(&Secret::from("a.?.b".to_owned())), None);
    }
}
