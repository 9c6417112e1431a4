//! AssumeRole, by the AWS SDK.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::timeout::TimeoutConfig;
use aws_sdk_sts::config::{BehaviorVersion, Region, RuntimeComponents, SharedHttpClient};
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::types::{PolicyDescriptorType, Tag};
use aws_sdk_sts::{Client, Config};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use quilt_proto::aws::NotAws;
use quilt_proto::catalog::is_loopback;
use quilt_proto::{Secret, Timestamp, quoted};
use url::Url;

use super::bounded::Bounded;
use super::error::said;
use super::{Aws, AwsError, SessionKeys, environment};

const SERVICE: &str = "STS";

/// Until connected, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// One attempt; a caller of a vend has given up by then, the next finds the result.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection waits for the next call; meanwhile its buffers hold
/// the session token that was last sent.
const IDLE: Duration = Duration::from_secs(30);
/// All attempts of one call.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// What to ask STS for.
#[derive(Debug, Clone)]
pub struct AssumeRole<'a> {
    /// The role's ARN.
    pub role_arn: &'a str,
    /// The session's name.
    pub session_name: &'a str,
    /// How long it is to live, in seconds.
    pub duration: i64,
    /// What the role's trust policy may ask for.
    pub external_id: Option<&'a str>,
    /// Narrows the session: an IAM policy.
    pub policy: Option<&'a str>,
    /// Narrow the session: ARNs of managed policies.
    pub policy_arns: &'a [String],
    /// Session tags.
    pub tags: &'a BTreeMap<String, String>,
    /// Who is behind the session.
    pub source_identity: Option<&'a str>,
    /// The region to ask in.
    pub region: Option<&'a str>,
    /// Where no region is named, also not by the environment.
    pub default_region: &'a str,
}

impl Aws {
    /// Assumes a role with `keys`.
    pub async fn assume_role(
        &self,
        keys: &SessionKeys,
        wanted: &AssumeRole<'_>,
    ) -> Result<SessionKeys, AwsError> {
        let mut call = self
            .client(keys, wanted)?
            .assume_role()
            .role_arn(wanted.role_arn)
            .role_session_name(wanted.session_name)
            .duration_seconds(i32::try_from(wanted.duration).unwrap_or(i32::MAX))
            .set_external_id(wanted.external_id.map(str::to_owned))
            .set_policy(wanted.policy.map(str::to_owned))
            .set_source_identity(wanted.source_identity.map(str::to_owned));
        for arn in wanted.policy_arns {
            call = call.policy_arns(PolicyDescriptorType::builder().arn(arn).build());
        }
        for (key, value) in wanted.tags {
            let tag = Tag::builder().key(key).value(value).build();
            call = call.tags(tag.map_err(|_| AwsError::unreachable(SERVICE, "takes no such tag"))?);
        }
        let answer = call.send().await.map_err(|error| explain(&error, keys));
        self.sts_meter.note(&answer, AwsError::kind);
        let issued = answer?.credentials.ok_or(NotAws::Shape);
        let keys = issued.and_then(|issued| {
            Ok(SessionKeys {
                access_key_id: issued.access_key_id.parse()?,
                secret_access_key: Secret::from(issued.secret_access_key).try_into()?,
                session_token: Secret::from(issued.session_token).try_into()?,
                expires_at: Timestamp::from_unix(issued.expiration.secs()),
            })
        });
        keys.map_err(|what| AwsError::Invalid {
            service: SERVICE,
            what,
        })
    }

    fn client(&self, keys: &SessionKeys, wanted: &AssumeRole<'_>) -> Result<Client, AwsError> {
        let endpoint = environment::endpoint(SERVICE);
        let region = wanted.region.map(str::to_owned);
        let region = region
            .or_else(environment::region)
            .unwrap_or_else(|| wanted.default_region.to_owned());
        let credentials = Credentials::new(
            keys.access_key_id.as_str(),
            keys.secret_access_key.secret().expose(),
            Some(keys.session_token.secret().expose().to_owned()),
            None,
            "quiltd",
        );
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(CALL_TIMEOUT)
            .build();
        let retries = RetryConfig::standard()
            .with_max_attempts(2)
            .with_initial_backoff(Duration::from_millis(100));
        let mut config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(self.http(endpoint.as_deref())?)
            .region(Region::new(region))
            .retry_config(retries)
            .interceptor(Bounded)
            .timeout_config(timeouts)
            .credentials_provider(credentials);
        config.set_endpoint_url(endpoint);
        Ok(Client::from_conf(config.build()))
    }

    fn http(&self, endpoint: Option<&str>) -> Result<SharedHttpClient, AwsError> {
        if let Some(client) = self.sts.get() {
            return Ok(client.clone());
        }
        let endpoint = endpoint.and_then(|url| Url::parse(url).ok());
        let plain = endpoint.as_ref().is_some_and(|url| url.scheme() == "http");
        let trust = match environment::ca_bundle()? {
            Some(pem) => TrustStore::empty().with_pem_certificate(pem),
            None => TrustStore::empty().with_native_roots(!plain),
        };
        let tls = TlsContext::builder()
            .with_trust_store(trust)
            .build()
            .map_err(|_| {
                AwsError::unreachable(SERVICE, "cannot be asked: no TLS on this machine")
            })?;
        let proxy = if endpoint.as_ref().is_some_and(is_loopback) {
            ProxyConfig::disabled()
        } else {
            ProxyConfig::from_env()
        };
        let client = Builder::new().build_with_connector_fn(move |settings, components| {
            let mut connector = Connector::builder()
                .proxy_config(proxy.clone())
                .pool_idle_timeout(IDLE);
            if let Some(settings) = settings {
                connector = connector.connector_settings(settings.clone());
            }
            if let Some(sleep) = components.and_then(RuntimeComponents::sleep_impl) {
                connector = connector.sleep_impl(sleep);
            }
            connector
                .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
                .tls_context(tls.clone())
                .build()
        });
        Ok(self.sts.get_or_init(|| client).clone())
    }
}

/// What became of a call, in words that hold nothing we sent.
fn explain<E>(error: &SdkError<E>, keys: &SessionKeys) -> AwsError
where
    E: ProvideErrorMetadata,
{
    let SdkError::ServiceError(answer) = error else {
        let reason = match error {
            SdkError::TimeoutError(_) => "did not answer in time",
            SdkError::DispatchFailure(failure) if failure.is_timeout() => "did not answer in time",
            SdkError::DispatchFailure(failure) if failure.is_io() => "cannot be reached",
            SdkError::ResponseError(_) => "broke off its answer",
            SdkError::ConstructionFailure(_) => "cannot be asked this",
            _ => "cannot be reached",
        };
        return AwsError::unreachable(SERVICE, reason);
    };
    let status = answer.raw().status().as_u16();
    let body = answer.raw().body().bytes().unwrap_or_default();
    let body = String::from_utf8_lossy(body);
    let code = answer.err().code().or_else(|| element(&body, "Code"));
    let code = code.unwrap_or("refusal without a code");
    if status >= 500 || status == 429 || code.contains("Throttl") {
        return AwsError::unreachable(SERVICE, format!("answered {status} {}", quoted::name(code)));
    }
    if status < 400 {
        return AwsError::unreachable(SERVICE, "gave an answer that is not its own");
    }
    let secrets = [keys.secret_access_key.secret(), keys.session_token.secret()];
    let message = answer.err().message();
    let message = message.or_else(|| element(&body, "Message"));
    let message = message.map_or_else(|| format!("status {status}"), str::to_owned);
    AwsError::Refused {
        service: SERVICE.to_owned(),
        message: said(&format!("{code}: {message}"), &secrets),
        stale_keys: matches!(
            code,
            "ExpiredToken" | "ExpiredTokenException" | "InvalidClientTokenId"
        ),
    }
}

/// The text of an XML element. Stand-ins for STS nest errors in ways the SDK
/// does not look for.
fn element<'a>(document: &'a str, name: &str) -> Option<&'a str> {
    let start = document.split_once(&format!("<{name}>"))?.1;
    start
        .split_once(&format!("</{name}>"))
        .map(|(text, _)| text)
}
