//! Credentials for the AWS SDK for Rust.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use quilt_proto::ProfileName;
use quilt_proto::wire::CredentialProcess;

use crate::{Client, Error};

/// Gives an AWS client the credentials `quiltd` holds.
///
/// The daemon refreshes them ahead of time, so each answer is fresh; the SDK
/// caches it and asks again before it expires.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use aws_credential_types::provider::SharedCredentialsProvider;
/// use quilt_client::{Client, QuiltCredentials};
///
/// let quilt = QuiltCredentials::new(Client::from_env()?);
/// // What `aws_config::ConfigLoader::credentials_provider` takes as well.
/// let provider = SharedCredentialsProvider::new(quilt);
/// # Ok(())
/// # }
/// ```
///
/// In a chain of providers, an absent daemon lets the next provider try. A
/// needed login does not: falling through to some other identity would be a
/// surprise.
#[derive(Clone, Debug)]
pub struct QuiltCredentials {
    client: Client,
    profile: ProfileName,
}

impl QuiltCredentials {
    /// The stack's own credentials.
    pub fn new(client: Client) -> Self {
        let profile = ProfileName::default_profile();
        Self { client, profile }
    }

    /// The credentials of another profile of `quiltd.toml`.
    #[must_use]
    pub fn with_profile(self, profile: ProfileName) -> Self {
        Self { profile, ..self }
    }
}

impl ProvideCredentials for QuiltCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            let document = self.client.credentials(&self.profile).await;
            document
                .map(|document| to_sdk_credentials(&document))
                .map_err(to_sdk_error)
        })
    }
}

fn to_sdk_credentials(document: &CredentialProcess) -> Credentials {
    let seconds = u64::try_from(document.expiration.unix()).unwrap_or(0);
    Credentials::new(
        document.access_key_id.clone(),
        document.secret_access_key.expose(),
        Some(document.session_token.expose().to_owned()),
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)),
        "quiltd",
    )
}

fn to_sdk_error(error: Error) -> CredentialsError {
    match error {
        error if error.is_absent() => CredentialsError::not_loaded(error),
        Error::Timeout(after) => CredentialsError::provider_timed_out(after),
        error @ Error::InvalidAnswer(_) => CredentialsError::unhandled(error),
        error => CredentialsError::provider_error(error),
    }
}

#[cfg(test)]
mod tests {
    use quilt_proto::{ErrorCode, Problem};

    use super::*;

    #[test]
    fn credentials_carry_their_expiry() {
        let document = serde_json::from_str(
            r#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"s","SessionToken":"t",
                "Expiration":"2026-08-01T10:00:00Z"}"#,
        )
        .unwrap();
        let credentials = to_sdk_credentials(&document);
        let expiry = credentials.expiry().unwrap();
        let seconds = expiry.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(seconds.as_secs(), 1_785_578_400);
        assert_eq!(credentials.session_token(), Some("t"));
    }

    #[test]
    fn only_an_absent_daemon_lets_a_chain_go_on() {
        let absent = Error::Unreachable {
            socket: "/s".into(),
            source: std::io::ErrorKind::NotFound.into(),
        };
        let login = Error::Problem(Box::new(Problem::new(401, ErrorCode::LoginRequired, "d")));
        assert!(matches!(
            to_sdk_error(absent),
            CredentialsError::CredentialsNotLoaded(_)
        ));
        assert!(matches!(
            to_sdk_error(login),
            CredentialsError::ProviderError(_)
        ));
    }
}
