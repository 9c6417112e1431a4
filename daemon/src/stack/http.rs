//! One request, bounded in time and size, and what its outcome means.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::header::{AGE, DATE};
use http::{HeaderMap, StatusCode};
use jiff::fmt::rfc2822::DateTimeParser;
use quilt_proto::aws::NotAws;
use quilt_proto::{Quoted, Reason, Secret, Timestamp, catalog};
use reqwest::{Client, Request, RequestBuilder, Response, redirect};
use serde::de::DeserializeOwned;
use url::Url;
use zeroize::Zeroizing;

use super::StackError;
use super::in_time::in_time;
use crate::metrics::UpstreamMeter;

/// Largest answer accepted, in bytes.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// How long to wait for a connection, and for a whole exchange.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Until connected, TLS included.
    pub connect: Duration,
    /// From start to the last byte.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            total: Duration::from_secs(15),
        }
    }
}

/// Speaks to stacks. Cheap to share.
pub struct StackClient {
    timeouts: Timeouts,
    pub(super) meter: UpstreamMeter,
    #[cfg(test)]
    in_flight: std::sync::atomic::AtomicUsize,
    loopback: Mutex<Option<Client>>,
    remote: Mutex<Option<Client>>,
}

impl Default for StackClient {
    fn default() -> Self {
        Self::new(Timeouts::default(), UpstreamMeter::default())
    }
}

impl StackClient {
    /// Connects to nothing yet; TLS roots are loaded by the first https request.
    pub fn new(timeouts: Timeouts, meter: UpstreamMeter) -> Self {
        Self {
            timeouts,
            meter,
            #[cfg(test)]
            in_flight: std::sync::atomic::AtomicUsize::new(0),
            loopback: Mutex::default(),
            remote: Mutex::default(),
        }
    }

    /// Closes idle connections: their buffers hold what was last sent on them,
    /// bearer tokens included, for as long as they live.
    pub fn forget_connections(&self) {
        for slot in [&self.loopback, &self.remote] {
            slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }

    /// Requests that wait for their answers.
    #[cfg(test)]
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(std::sync::atomic::Ordering::SeqCst)
    }

    /// The client for a host: loopback is never sent through a proxy.
    pub(super) fn client(&self, url: &str) -> Result<Client, StackError> {
        let parsed = Url::parse(url).map_err(|_| StackError::Invalid {
            host: "the stack".to_owned(),
            reason: "a URL in its configuration is not one".to_owned(),
        })?;
        let is_loopback = catalog::is_loopback(&parsed);
        let slot = if is_loopback {
            &self.loopback
        } else {
            &self.remote
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = &*slot {
            return Ok(client.clone());
        }
        let builder = Client::builder()
            .user_agent(concat!("quiltd/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(self.timeouts.connect)
            .pool_max_idle_per_host(2)
            .pool_idle_timeout(Duration::from_secs(30))
            .referer(false);
        let builder = if is_loopback {
            builder.no_proxy()
        } else {
            builder.https_only(true)
        };
        let client = builder.build().map_err(|_| StackError::Unreachable {
            host: host(url),
            reason: "cannot be asked: no TLS on this machine".to_owned(),
        })?;
        Ok(slot.insert(client).clone())
    }

    /// Sends a request; the answer's body is still to be read. Also tells the
    /// host, for messages.
    pub(super) async fn execute(
        &self,
        request: RequestBuilder,
    ) -> Result<(Response, String), StackError> {
        let (client, request) = prepared(request)?;
        let host = host(request.url().as_str());
        match client.execute(request).await {
            Ok(response) => Ok((response, host)),
            Err(error) => Err(lost(&host, &error)),
        }
    }

    /// Sends a request and reads its answer. `secrets` are what the request
    /// carries: an error text that quotes one is not passed on.
    pub(super) async fn send(
        &self,
        request: RequestBuilder,
        secrets: &[&Secret],
    ) -> Result<Answer, StackError> {
        let judge = |status, answer: Answer| answer.judged(status, secrets);
        self.send_judged(request, judge).await
    }

    /// The same where `judge` says what an answer of this status means.
    pub(super) async fn send_judged(
        &self,
        request: RequestBuilder,
        judge: impl FnOnce(StatusCode, Answer) -> Result<Answer, StackError>,
    ) -> Result<Answer, StackError> {
        #[cfg(test)]
        self.in_flight
            .fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let answered = self.ask(request).await;
        #[cfg(test)]
        self.in_flight
            .fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
        let outcome = answered.and_then(|(status, answer)| judge(status, answer));
        self.meter.note(&outcome, StackError::kind);
        outcome
    }

    async fn ask(&self, request: RequestBuilder) -> Result<(StatusCode, Answer), StackError> {
        let (client, request) = prepared(request)?;
        let host = host(request.url().as_str());
        let asked = converse(client, request, host.clone());
        let answered = in_time(self.timeouts.total, asked).await;
        answered.unwrap_or_else(|| {
            Err(StackError::Unreachable {
                host,
                reason: "did not answer in time".to_owned(),
            })
        })
    }
}

/// Sends a request and reads its answer, whatever it is.
async fn converse(
    client: Client,
    request: Request,
    host: String,
) -> Result<(StatusCode, Answer), StackError> {
    let response = client.execute(request).await;
    let response = response.map_err(|error| lost(&host, &error))?;
    let status = response.status();
    let date = date(response.headers());
    let body = read(response, &host).await.map_err(|error| match error {
        Unread::Lost(error) => lost(&host, &error),
        Unread::TooLarge(error) => error,
    })?;
    Ok((status, Answer { host, date, body }))
}

fn prepared(request: RequestBuilder) -> Result<(Client, Request), StackError> {
    let (client, request) = request.build_split();
    let request = request.map_err(|_| StackError::Invalid {
        host: "the stack".to_owned(),
        reason: "a URL or token that HTTP cannot carry".to_owned(),
    })?;
    Ok((client, request))
}

/// An answer, read to its end.
pub(super) struct Answer {
    pub(super) host: String,
    /// When it was given, by the clock of whoever gave it.
    pub(super) date: Option<Timestamp>,
    pub(super) body: Zeroizing<Vec<u8>>,
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

    pub(super) fn failed(&self, status: StatusCode) -> StackError {
        StackError::Unreachable {
            host: self.host.clone(),
            reason: format!("answered {status}"),
        }
    }

    /// What the stack said, without our secrets; else the status.
    pub(super) fn message(&self, status: StatusCode, secrets: &[&Secret]) -> Reason {
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

async fn read(mut response: Response, host: &str) -> Result<Zeroizing<Vec<u8>>, Unread> {
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(Unread::Lost)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(Unread::TooLarge(StackError::Invalid {
                host: host.to_owned(),
                reason: "it is too large".to_owned(),
            }));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn lost(host: &str, error: &reqwest::Error) -> StackError {
    StackError::Unreachable {
        host: host.to_owned(),
        reason: describe(error).to_owned(),
    }
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
    Url::parse(url).map_or_else(
        |_| "the stack".to_owned(),
        |url| {
            url.authority()
                .rsplit('@')
                .next()
                .unwrap_or_default()
                .to_owned()
        },
    )
}

/// What went wrong, without the URL or anything sent.
fn describe(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "did not answer in time"
    } else if error.is_connect() {
        "cannot be reached"
    } else if error.is_redirect() {
        "redirected elsewhere"
    } else {
        "broke off its answer"
    }
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
