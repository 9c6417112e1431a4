//! One request, bounded in time and size, and what its outcome means.

use std::sync::Arc;
use std::time::Duration;

use http::header::{AGE, CONTENT_TYPE, DATE, LOCATION};
use http::{HeaderMap, StatusCode};
use jiff::fmt::rfc2822::DateTimeParser;
use quilt_network::{Clients, Failure, Network, Origin, is_page};
use quilt_proto::aws::NotAws;
use quilt_proto::catalog::is_loopback;
use quilt_proto::{Quoted, Reason, Secret, Timestamp};
use reqwest::{Client, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use url::Url;
use zeroize::Zeroizing;

use super::StackError;
use crate::metrics::UpstreamMeter;

/// Largest answer accepted, in bytes.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// Until connected, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// From start to the last byte.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(15);

/// The most redirects that are followed, one after the other.
const MAX_REDIRECTS: usize = 10;

/// Speaks to stacks. Cheap to share.
pub struct StackClient {
    pub(super) meter: UpstreamMeter,
    clients: Clients,
}

impl Default for StackClient {
    fn default() -> Self {
        Self::new(&Arc::default(), UpstreamMeter::default())
    }
}

impl StackClient {
    /// Connects to nothing yet; TLS roots are loaded by the first https request.
    pub fn new(network: &Arc<Network>, meter: UpstreamMeter) -> Self {
        let clients = Clients::new(network, |builder| {
            builder
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(TOTAL_TIMEOUT)
                .pool_max_idle_per_host(2)
                .pool_idle_timeout(Duration::from_secs(30))
        });
        Self { meter, clients }
    }

    /// Closes idle connections: their buffers hold what was last sent on them,
    /// bearer tokens included, for as long as they live.
    pub fn forget_connections(&self) {
        self.clients.forget();
    }

    /// The client for a URL: https, or on loopback.
    pub(super) fn client(&self, url: &str) -> Result<Client, StackError> {
        let parsed = Url::parse(url).ok();
        let is_fit = |url: &Url| url.scheme() == "https" || is_loopback(url);
        let Some(parsed) = parsed.filter(is_fit) else {
            return Err(StackError::Invalid {
                host: "the stack".to_owned(),
                reason: "a URL in its configuration is not one".to_owned(),
            });
        };
        self.clients
            .of(&parsed)
            .map_err(|failure| StackError::Unreachable {
                host: Origin::of(&parsed),
                failure,
            })
    }

    /// Sends a request; the answer's body is still to be read. Also tells the
    /// host, for messages.
    pub(super) async fn execute(
        &self,
        request: RequestBuilder,
    ) -> Result<(Response, Origin), StackError> {
        let (client, request) = request.build_split();
        let request = request.map_err(|_| StackError::Invalid {
            host: "the stack".to_owned(),
            reason: "a URL or token that HTTP cannot carry".to_owned(),
        })?;
        let url = request.url().clone();
        let host = Origin::of(&url);
        match client.execute(request).await {
            Ok(response) => Ok((response, host)),
            Err(error) => Err(StackError::Unreachable {
                host,
                failure: self.clients.failure(&url, &error),
            }),
        }
    }

    /// Sends a request and reads its answer. `secrets` are what the request
    /// carries: an error text that quotes one is not passed on.
    pub(super) async fn send(
        &self,
        request: RequestBuilder,
        secrets: &[&Secret],
    ) -> Result<Answer, StackError> {
        let outcome = self.ask(request, secrets).await;
        self.meter.note(&outcome, StackError::kind);
        outcome
    }

    async fn ask(
        &self,
        request: RequestBuilder,
        secrets: &[&Secret],
    ) -> Result<Answer, StackError> {
        let (response, origin) = self.execute(request).await?;
        self.understand(response, origin, secrets).await
    }

    /// Asks for what is no secret, with nothing secret, and goes where the
    /// answer leads, as browsers and the Python SDK do: within https, and on
    /// loopback. Everything else goes where it is sent, or nowhere.
    pub(super) async fn get_anywhere(&self, url: &str) -> Result<Answer, StackError> {
        let outcome = self.follow(url).await;
        self.meter.note(&outcome, StackError::kind);
        outcome
    }

    async fn follow(&self, url: &str) -> Result<Answer, StackError> {
        let mut url = url.to_owned();
        let mut left = MAX_REDIRECTS;
        loop {
            let (response, origin) = self.execute(self.client(&url)?.get(&url)).await?;
            match next(&response).filter(|_| left > 0) {
                Some(next) => url = next.into(),
                None => return self.understand(response, origin, &[]).await,
            }
            left -= 1;
        }
    }

    async fn understand(
        &self,
        response: Response,
        origin: Origin,
        secrets: &[&Secret],
    ) -> Result<Answer, StackError> {
        let status = response.status();
        let date = date(response.headers());
        let leads_to = leads_to(response.headers());
        let is_html = response.headers().get(CONTENT_TYPE).cloned();
        let url = response.url().clone();
        let body = read(response, &origin).await.map_err(|error| match error {
            Unread::Lost(error) => StackError::Unreachable {
                host: origin.clone(),
                failure: self.clients.failure(&url, &error),
            },
            Unread::TooLarge(error) => error,
        })?;
        let is_page = is_page(is_html.as_ref().and_then(|it| it.to_str().ok()), &body);
        let answer = Answer {
            host: origin.to_string(),
            origin,
            date,
            body,
        };
        match status {
            // Whoever speaks in web pages, or of proxies, is not the stack.
            status if status.is_success() && is_page => {
                Err(answer.unreachable(Failure::CaptivePortal))
            }
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
                if is_page =>
            {
                Err(answer.unreachable(Failure::FirewallPage(status.as_u16())))
            }
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                Err(answer.unreachable(Failure::ProxyPassword(None)))
            }
            StatusCode::NETWORK_AUTHENTICATION_REQUIRED => {
                Err(answer.unreachable(Failure::CaptivePortal))
            }
            status if status.is_redirection() => {
                Err(answer.unreachable(Failure::Redirected(leads_to)))
            }
            status if status.is_success() => Ok(answer),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(StackError::Unauthorized {
                message: answer.message(status, secrets),
                host: answer.host,
            }),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
                Err(answer.failed(status))
            }
            StatusCode::BAD_REQUEST => Err(StackError::Refused {
                message: answer.message(status, secrets),
                host: answer.host,
            }),
            // An ingress in the middle of a deploy says such things; the stack
            // itself does not.
            status if status.is_client_error() => {
                Err(answer.invalid(&format!("it answered {status}")))
            }
            status => Err(answer.failed(status)),
        }
    }
}

/// A 2xx answer.
pub(super) struct Answer {
    pub(super) host: String,
    origin: Origin,
    /// When it was given, by the clock of whoever gave it.
    pub(super) date: Option<Timestamp>,
    body: Zeroizing<Vec<u8>>,
}

impl Answer {
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, StackError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            // The category only: serde's text may quote the body.
            let reason = match error.classify() {
                serde_json::error::Category::Data => "a field is missing or of the wrong type",
                _ => "it is not JSON",
            };
            self.invalid(reason)
        })
    }

    /// JSON that is to hold AWS credentials: what is JSON and holds none is
    /// told apart from what is no JSON.
    pub(super) fn json_of_aws<T: DeserializeOwned>(&self) -> Result<Result<T, NotAws>, StackError> {
        match serde_json::from_slice(&self.body) {
            Ok(value) => Ok(Ok(value)),
            Err(error) if error.is_data() => Ok(Err(NotAws::Shape)),
            Err(_) => Err(self.invalid("it is not JSON")),
        }
    }

    pub(super) fn invalid(&self, reason: &str) -> StackError {
        StackError::Invalid {
            host: self.host.clone(),
            reason: reason.to_owned(),
        }
    }

    fn failed(&self, status: StatusCode) -> StackError {
        self.unreachable(Failure::Status(status.to_string()))
    }

    fn unreachable(&self, failure: Failure) -> StackError {
        StackError::Unreachable {
            host: self.origin.clone(),
            failure,
        }
    }

    /// What the stack said, without our secrets; else the status.
    fn message(&self, status: StatusCode, secrets: &[&Secret]) -> Reason {
        #[derive(serde::Deserialize)]
        struct Said {
            #[serde(alias = "error_description", alias = "detail")]
            message: Option<String>,
            error: Option<Fault>,
        }
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Fault {
            Text(String),
            /// As Elasticsearch says it.
            Reason {
                reason: String,
            },
            Other(serde::de::IgnoredAny),
        }
        let text = |fault| match fault {
            Fault::Text(text) | Fault::Reason { reason: text } => Some(text),
            Fault::Other(_) => None,
        };
        serde_json::from_slice::<Said>(&self.body)
            .ok()
            .and_then(|said| said.message.or_else(|| said.error.and_then(text)))
            .and_then(|text| Quoted::without_tokens(&text, secrets))
            .map_or_else(|| spoken(status), Reason::Theirs)
    }
}

/// A status that was all somebody said.
pub(super) fn spoken(status: StatusCode) -> Reason {
    Reason::Status(
        status.as_u16(),
        status.canonical_reason().unwrap_or_default(),
    )
}

enum Unread {
    Lost(reqwest::Error),
    TooLarge(StackError),
}

async fn read(mut response: Response, host: &Origin) -> Result<Zeroizing<Vec<u8>>, Unread> {
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(Unread::Lost)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(Unread::TooLarge(StackError::Invalid {
                host: host.to_string(),
                reason: "it is too large".to_owned(),
            }));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Where a redirect leads that may be followed.
fn next(response: &Response) -> Option<Url> {
    if !response.status().is_redirection() {
        return None;
    }
    let here = response.url();
    let next = here
        .join(response.headers().get(LOCATION)?.to_str().ok()?)
        .ok()?;
    let stays_near = is_loopback(here) && is_loopback(&next);
    let is_safe = next.scheme() == "https" || stays_near && next.scheme() == "http";
    (is_safe && next.username().is_empty() && next.password().is_none()).then_some(next)
}

/// The host an answer leads to.
pub(super) fn leads_to(headers: &HeaderMap) -> Option<String> {
    let url = Url::parse(headers.get(LOCATION)?.to_str().ok()?).ok()?;
    url.has_host().then(|| Origin::of(&url).to_string())
}

/// The time of an answer (RFC 9110, `Date`), with what it spent in caches on
/// the way here.
fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = |name| headers.get(name)?.to_str().ok();
    let date = DateTimeParser::new().parse_timestamp(text(DATE)?).ok()?;
    let age = text(AGE).and_then(|age| age.trim().parse().ok());
    Some(Timestamp::from_unix(date.as_second()).plus_seconds(age.unwrap_or(0)))
}

/// Host and port of a URL, for messages.
pub(super) fn host(url: &str) -> String {
    Origin::parse(url).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_from_a_cache_is_as_old_as_it_says() {
        let mut headers = HeaderMap::new();
        assert_eq!(date(&headers), None);
        let of = |text: &str| text.parse().unwrap();
        headers.insert(DATE, of("Sun, 06 Nov 1994 08:49:37 GMT"));
        let fresh = date(&headers).unwrap();
        assert_eq!(fresh.to_string(), "1994-11-06T08:49:37Z");
        headers.insert(AGE, of("3600"));
        assert_eq!(date(&headers), Some(fresh.plus_seconds(3600)));
        headers.insert(DATE, of("yesterday"));
        assert_eq!(date(&headers), None);
    }

    #[test]
    fn hosts_show_no_credentials() {
        assert_eq!(
            host("https://u:p@h.example:8443/x?token=t"),
            "h.example:8443"
        );
    }
}
