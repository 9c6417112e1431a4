//! AWS by the same way as everything else: its SDKs over this crate's clients,
//! and one configuration for all services.

use std::sync::Arc;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_credential_types::provider::error::TokenError;
use aws_credential_types::token_fn::provide_token_fn;
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::body::SdkBody;
use aws_types::service_config::ServiceConfigKey;
use http_body_util::Limited;
use quilt_proto::NetworkFailure;
use url::Url;

use crate::{Clients, FailedRequest, Failure, Origin, intercepted, is_page};

/// Until connected, TLS included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// One attempt; a caller of a vend has given up by then, the next finds the result.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// All attempts of one call.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// The most that is read of an answer, in bytes: SDKs read it to its end into
/// memory, and a page of Athena's has some megabytes.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// The same of one with credentials, which has some kilobytes.
const MAX_CREDENTIALS: usize = 256 * 1024;

/// What the standard variables say of AWS (endpoints, region, FIPS, dual
/// stack), and nothing of who anybody is: no profile, key or role of the
/// environment, and no file, is ever read, and nobody is asked. What is asked for
/// with it is credentials.
pub async fn config(clients: &Arc<Clients>) -> SdkConfig {
    // The loader wants files; these are empty.
    let none = EnvConfigFiles::builder()
        .with_contents(EnvConfigFileKind::Config, "")
        .with_contents(EnvConfigFileKind::Credentials, "")
        .build();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build();
    let retries = RetryConfig::standard()
        .with_max_attempts(2)
        .with_initial_backoff(Duration::from_millis(100));
    over(clients, MAX_CREDENTIALS)
        .no_credentials()
        // Else the keys of every call would be kept.
        .identity_cache(IdentityCache::no_cache())
        .profile_files(none)
        .profile_name("default")
        .region(EnvironmentVariableRegionProvider::new())
        // Else a build whose other parts have the SDK's `sso` looks for a region of its own,
        // also at the metadata service of a cloud.
        .token_provider(provide_token_fn(|| async {
            Err(TokenError::not_loaded("no tokens are used"))
        }))
        .retry_config(retries)
        .timeout_config(timeouts)
        .load()
        .await
}

/// The usual configuration of an SDK, over these clients.
pub fn loader(clients: &Arc<Clients>) -> ConfigLoader {
    over(clients, MAX_ANSWER)
}

fn over(clients: &Arc<Clients>, most: usize) -> ConfigLoader {
    let clients = Arc::clone(clients);
    let connector = SharedHttpConnector::new(Http { clients, most });
    let client = http_client_fn(move |_, _| connector.clone());
    aws_config::defaults(BehaviorVersion::latest()).http_client(client)
}

/// The endpoint that the standard variables name for a service, if they do.
pub fn endpoint(config: &SdkConfig, service: &str) -> Option<Url> {
    let key = ServiceConfigKey::builder()
        .service_id(service)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build();
    let own = key
        .ok()
        .and_then(|key| config.service_config()?.load_config(key));
    let named = own.or_else(|| config.endpoint_url().map(str::to_owned))?;
    let url = Url::parse(&named).ok()?;
    matches!(url.scheme(), "http" | "https").then_some(url)
}

/// What kept a call from its answer, if that was the network.
pub fn failure<E>(error: &SdkError<E, HttpResponse>) -> Option<(Failure, Option<Origin>)> {
    let failure = match error {
        SdkError::TimeoutError(_) => Some(Failure::Timeout),
        SdkError::DispatchFailure(failure) => {
            let connector = failure.as_connector_error()?;
            let found =
                crate::failure::chain(connector).find_map(|it| it.downcast_ref::<FailedRequest>());
            if let Some(lost) = found {
                return Some((lost.failure.clone(), Some(lost.origin.clone())));
            }
            failure.is_timeout().then_some(Failure::Timeout)
        }
        // Something may have answered in place of whoever was asked.
        error => error.raw_response().and_then(|answer| {
            let content_type = answer.headers().get("content-type");
            let body = answer.body().bytes().unwrap_or_default();
            intercepted(answer.status().as_u16(), is_page(content_type, body))
        }),
    };
    Some((failure?, None))
}

/// The SDK's HTTP, over this crate's clients.
#[derive(Debug, Clone)]
struct Http {
    clients: Arc<Clients>,
    /// The most that is read of an answer, in bytes.
    most: usize,
}

impl HttpConnector for Http {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self { clients, most } = self.clone();
        HttpConnectorFuture::new(async move { send(&clients, request, most).await })
    }
}

async fn send(
    clients: &Clients,
    request: HttpRequest,
    most: usize,
) -> Result<HttpResponse, ConnectorError> {
    let request = request.try_into_http1x();
    let request = request.map_err(|error| ConnectorError::user(error.into()))?;
    let request = reqwest::Request::try_from(request.map(reqwest::Body::wrap));
    let request = request.map_err(|error| ConnectorError::user(error.without_url().into()))?;
    let url = request.url().clone();
    let lost = |failure| {
        unanswered(FailedRequest {
            origin: Origin::of(&url),
            failure,
        })
    };
    let client = clients.of(&url).map_err(lost)?;
    let answer = clients.execute(&client, request).await;
    let answer = answer.map_err(|error| lost(clients.failure(&url, &error)))?;
    let answer = http::Response::<reqwest::Body>::from(answer)
        .map(|body| SdkBody::from_body_1_x(Limited::new(body, most)));
    HttpResponse::try_from(answer).map_err(|error| ConnectorError::other(error.into(), None))
}

fn unanswered(lost: FailedRequest) -> ConnectorError {
    use NetworkFailure as K;
    let kind = lost.failure.kind();
    let error = Box::new(lost);
    match kind {
        K::Timeout | K::ConnectTimeout => ConnectorError::timeout(error),
        // These may pass; to ask again at once is no use for the others.
        K::NameNotFound
        | K::ConnectionRefused
        | K::NoRoute
        | K::BrokenAnswer
        | K::TlsFailed
        | K::ProxyUnreachable => ConnectorError::io(error),
        _ => ConnectorError::user(error),
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::Network;

    /// How much is read of an answer of so many bytes; nothing where it is not
    /// read to its end.
    async fn read_of(length: usize) -> Option<usize> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream
                .read_buf(&mut Vec::with_capacity(4096))
                .await
                .unwrap();
            let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
            stream.write_all(head.as_bytes()).await.unwrap();
            // Whoever has enough hangs up.
            drop(stream.write_all(&vec![b'x'; length]).await);
        });
        let network = Arc::new(Network::default());
        let clients = Clients::new(&network, |builder| builder);
        let request = HttpRequest::get(url).unwrap();
        let answer = send(&clients, request, MAX_ANSWER).await.unwrap();
        let read = answer.into_body().collect().await;
        drop(server);
        Some(read.ok()?.to_bytes().len())
    }

    #[tokio::test]
    async fn an_answer_is_not_read_without_end() {
        assert_eq!(read_of(MAX_ANSWER).await, Some(MAX_ANSWER));
        assert_eq!(read_of(MAX_ANSWER + 1).await, None);
    }
}
