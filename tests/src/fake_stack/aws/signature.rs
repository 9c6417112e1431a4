//! Checking who signed a request, for S3 and STS alike. The signature arithmetic is s3s's.

use std::sync::Arc;

use http::{HeaderMap, Uri};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Result, s3_error};

use super::credentials::{CredentialError, Principal};
use crate::fake_stack::state::Core;

/// Hands s3s the secret of an access key.
pub(crate) struct Secrets(pub(crate) Arc<Core>);

#[async_trait::async_trait]
impl S3Auth for Secrets {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        Ok(self
            .0
            .credentials
            .lock()
            .secret(access_key)
            .map_err(refusal)?
            .into())
    }
}

/// The principal of a request whose signature is good: its session token must be the key's own
/// and not expired.
pub(crate) fn principal(
    core: &Core,
    access_key: &str,
    headers: &HeaderMap,
    uri: &Uri,
) -> S3Result<Principal> {
    let token = session_token(headers, uri);
    let credentials = core.credentials.lock();
    credentials
        .principal(access_key, token.as_deref(), core.clock.now())
        .map_err(refusal)
}

/// The token travels in a header, or in the query of a presigned URL.
fn session_token(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    if let Some(token) = headers.get("x-amz-security-token") {
        return token.to_str().ok().map(str::to_owned);
    }
    let query = uri.query()?.as_bytes();
    let mut pairs = url::form_urlencoded::parse(query);
    pairs
        .find(|(name, _)| name.eq_ignore_ascii_case("x-amz-security-token"))
        .map(|(_, token)| token.into_owned())
}

fn refusal(error: CredentialError) -> s3s::S3Error {
    match error {
        CredentialError::UnknownKey => s3_error!(
            InvalidAccessKeyId,
            "The AWS Access Key Id you provided does not exist in our records."
        ),
        CredentialError::WrongToken => {
            s3_error!(
                InvalidToken,
                "The provided token is malformed or otherwise invalid."
            )
        }
        CredentialError::Expired => {
            s3_error!(ExpiredToken, "The provided token has expired.")
        }
    }
}
