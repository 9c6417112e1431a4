//! Signing in to the AWS console with session keys ("Enable custom identity
//! broker access to the AWS console", IAM User Guide).

use quilt_network::{CONSOLE_ENDPOINT_ENV, Failure, Origin, intercepted, is_page, is_plain};
use quilt_proto::aws::SessionKeys;
use quilt_proto::{Partition, Reason, Secret};
use serde::Deserialize;
use url::Url;

use super::error::said;
use super::{Aws, AwsError};

const SERVICE: &str = "AWS sign-in";

/// The largest answer read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// Where to sign in, and to what.
#[derive(Debug, Clone, Copy, Default)]
pub struct SignIn<'a> {
    /// The federation endpoint, instead of AWS's own.
    pub endpoint: Option<&'a str>,
    /// The page to open, instead of the console's first.
    pub destination: Option<&'a str>,
    /// Decides which of AWS's partitions, and which region's console.
    pub region: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    signin_token: Secret,
}

impl Aws {
    /// A URL that signs in whoever opens it within 15 minutes: a secret.
    ///
    /// No session duration is asked for: AWS refuses one for keys of a chained
    /// role, and the session then ends with the keys.
    pub async fn console_url(
        &self,
        keys: &SessionKeys,
        sign_in: SignIn<'_>,
    ) -> Result<Secret, AwsError> {
        let partition = Partition::of_region(sign_in.region.unwrap_or_default());
        let domain = partition.console_domain();
        let named = std::env::var(CONSOLE_ENDPOINT_ENV)
            .ok()
            .filter(|it| !it.is_empty());
        let endpoint = named.as_deref().or(sign_in.endpoint).map_or_else(
            || format!("https://signin.{domain}/federation"),
            str::to_owned,
        );
        let endpoint = safe(&endpoint)?;
        let destination = sign_in.destination.map_or_else(
            || match sign_in.region {
                Some(region) => format!("https://console.{domain}/console/home?region={region}"),
                None => format!("https://console.{domain}/"),
            },
            str::to_owned,
        );
        let token = self.signin_token(&endpoint, keys).await;
        self.console_meter.note(&token, AwsError::kind);
        let token = token?;
        let mut url = endpoint;
        url.query_pairs_mut()
            .append_pair("Action", "login")
            .append_pair("Issuer", "quiltd")
            .append_pair("Destination", &destination)
            .append_pair("SigninToken", token.expose());
        Ok(Secret::from(String::from(url)))
    }

    async fn signin_token(&self, endpoint: &Url, keys: &SessionKeys) -> Result<Secret, AwsError> {
        let session = serde_json::json!({
            "sessionId": keys.access_key_id.as_str(),
            "sessionKey": keys.secret_access_key.secret().expose(),
            "sessionToken": keys.session_token.secret().expose(),
        });
        let unreachable =
            |failure| AwsError::unreachable(SERVICE, Some(Origin::of(endpoint)), failure);
        let lost = |error: &reqwest::Error| unreachable(self.console.failure(endpoint, error));
        let mut response = self
            .console
            .of(endpoint)
            .map_err(unreachable)?
            .get(endpoint.clone())
            .query(&[
                ("Action", "getSigninToken"),
                ("Session", &session.to_string()),
            ])
            .send()
            .await
            .map_err(|error| lost(&error))?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| lost(&error))? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(AwsError::odd(SERVICE, "gave an answer without measure"));
            }
            body.extend_from_slice(&chunk);
        }
        let content_type = response.headers().get(http::header::CONTENT_TYPE);
        let content_type = content_type.and_then(|it| it.to_str().ok());
        let is_page = status.is_success() && is_page(content_type, &body);
        if let Some(failure) = intercepted(status.as_u16(), is_page) {
            return Err(unreachable(failure));
        }
        if status.is_client_error() {
            let secrets = [keys.secret_access_key.secret(), keys.session_token.secret()];
            let text = String::from_utf8_lossy(&body);
            let readable = !text.trim().is_empty() && !text.contains('<');
            let name = status.canonical_reason().unwrap_or_default();
            return Err(AwsError::Refused {
                service: SERVICE.to_owned(),
                message: if readable {
                    said(&text, &secrets)
                } else {
                    Reason::Status(status.as_u16(), name)
                },
                stale_keys: false,
            });
        }
        if !status.is_success() {
            return Err(unreachable(Failure::Status(status.to_string())));
        }
        serde_json::from_slice(&body)
            .map(|answer: Answer| answer.signin_token)
            .map_err(|_| AwsError::odd(SERVICE, "gave an answer without a token"))
    }
}

/// Credentials go there: never in the clear, unless they stay on this machine.
fn safe(endpoint: &str) -> Result<Url, AwsError> {
    let url = Url::parse(endpoint).ok();
    url.filter(|url| matches!(url.scheme(), "http" | "https") && !is_plain(url))
        .ok_or_else(|| AwsError::odd(SERVICE, "has an endpoint that is not https"))
}
