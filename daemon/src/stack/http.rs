//! One request, bounded in time and size, and what its outcome means.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, StatusCode};
use quilt_network::{Clients, Failure, Network, Origin, is_page};
use quilt_proto::catalog::is_loopback;
use quilt_proto::{Secret, Timestamp};
use reqwest::{Client, Request, RequestBuilder, Response};
use url::Url;
use zeroize::Zeroizing;

use super::StackError;
use super::answer::Answer;
use super::deadline::{CONNECT_TIMEOUT, TOTAL_TIMEOUT, in_time};
use super::time_headers::{date, retry_after};
use crate::metrics::UpstreamMeter;

/// Largest answer accepted, in bytes.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// The most redirects that are followed, one after the other.
const MAX_REDIRECTS: usize = 10;

/// Speaks to stacks. Cheap to share.
pub struct StackClient {
    pub(super) meter: UpstreamMeter,
    clients: Clients,
    /// For hosts that anybody may name: none of their connections stays, of
    /// which there could be any number.
    passing: Clients,
    #[cfg(test)]
    in_flight: std::sync::atomic::AtomicUsize,
    /// Carries requests in place of the network.
    #[cfg(test)]
    wire: Option<Arc<dyn super::Wire>>,
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
                .pool_max_idle_per_host(2)
                .pool_idle_timeout(Duration::from_secs(30))
        });
        let passing = Clients::new(network, |builder| {
            builder
                .connect_timeout(CONNECT_TIMEOUT)
                .pool_max_idle_per_host(0)
        });
        Self {
            meter,
            clients,
            passing,
            #[cfg(test)]
            in_flight: std::sync::atomic::AtomicUsize::new(0),
            #[cfg(test)]
            wire: None,
        }
    }

    /// Over something else than the network.
    #[cfg(test)]
    pub(crate) fn over(self, wire: Arc<dyn super::Wire>) -> Self {
        Self {
            wire: Some(wire),
            ..self
        }
    }

    /// Closes idle connections: their buffers hold what was last sent on them,
    /// bearer tokens included, for as long as they live.
    pub fn forget_connections(&self) {
        self.clients.forget();
    }

    /// Requests that wait for their answers.
    #[cfg(test)]
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(std::sync::atomic::Ordering::SeqCst)
    }

    /// The client for a URL of a session's: https, or on loopback.
    pub(super) fn client(&self, url: &str) -> Result<Client, StackError> {
        self.client_of(|it| &it.clients, url)
    }

    /// The same for what is asked before anybody has a session there.
    pub(super) fn passing_client(&self, url: &str) -> Result<Client, StackError> {
        self.client_of(|it| &it.passing, url)
    }

    fn client_of(&self, which: fn(&Self) -> &Clients, url: &str) -> Result<Client, StackError> {
        let parsed = Url::parse(url).ok();
        let is_fit = |url: &Url| url.scheme() == "https" || is_loopback(url);
        let Some(parsed) = parsed.filter(is_fit) else {
            let reason = "a URL in its configuration is not one";
            return Err(StackError::invalid("the stack", reason));
        };
        #[cfg(test)]
        if self.wire.is_some() {
            return Ok(super::test_transport::unused_client());
        }
        which(self)
            .of(&parsed)
            .map_err(|failure| StackError::unreachable(Origin::of(&parsed), failure))
    }

    /// Sends a request; the answer's body is still to be read. Also tells the
    /// host, for messages.
    pub(super) async fn execute(
        &self,
        request: RequestBuilder,
    ) -> Result<(Response, Origin), StackError> {
        let (client, request) = prepared(request)?;
        self.dispatch(client, request).await
    }

    async fn dispatch(
        &self,
        client: Client,
        request: Request,
    ) -> Result<(Response, Origin), StackError> {
        let url = request.url().clone();
        let host = Origin::of(&url);
        #[cfg(test)]
        if let Some(wire) = &self.wire {
            return match wire.carry(request).await {
                Ok(response) => Ok((response, host)),
                Err(failure) => Err(StackError::unreachable(host, failure)),
            };
        }
        match self.clients.execute(&client, request).await {
            Ok(response) => Ok((response, host)),
            Err(error) => {
                let failure = self.clients.failure(&url, &error);
                Err(StackError::unreachable(host, failure))
            }
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
        let host = Origin::of(request.url());
        let asked = async {
            let (response, origin) = self.dispatch(client, request).await?;
            self.read(response, origin).await
        };
        let late = || Err(StackError::unreachable(host, Failure::Timeout));
        in_time(TOTAL_TIMEOUT, asked).await.unwrap_or_else(late)
    }

    /// Asks for what is no secret, with nothing secret, and goes where the
    /// answer leads, as browsers and the Python SDK do: within https, and on
    /// loopback. Everything else goes where it is sent, or nowhere.
    pub(super) async fn get_anywhere(&self, url: &str) -> Result<Answer, StackError> {
        let outcome = in_time(TOTAL_TIMEOUT, self.follow(url)).await;
        let late = || StackError::unreachable(Origin::parse(url), Failure::Timeout);
        let outcome = outcome.unwrap_or_else(|| Err(late()));
        self.meter.note(&outcome, StackError::kind);
        outcome
    }

    async fn follow(&self, url: &str) -> Result<Answer, StackError> {
        let mut url = url.to_owned();
        let mut left = MAX_REDIRECTS;
        loop {
            let (response, origin) = self.execute(self.passing_client(&url)?.get(&url)).await?;
            let Some(next) = next(&response).filter(|_| left > 0) else {
                let (status, answer) = self.read(response, origin).await?;
                return answer.judged(status, &[]);
            };
            url = next.into();
            left -= 1;
        }
    }

    /// Reads an answer to its end, whatever it is.
    async fn read(
        &self,
        mut response: Response,
        origin: Origin,
    ) -> Result<(StatusCode, Answer), StackError> {
        let url = response.url().clone();
        let retry_after = retry_after(response.headers(), Timestamp::now());
        let lost = |error: reqwest::Error| {
            let failure = self.clients.failure(&url, &error);
            StackError::unreachable(origin.clone(), failure)
        };
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(StackError::invalid(&origin, "it is too large"));
            }
            body.extend_from_slice(&chunk);
        }
        let headers = response.headers();
        let content_type = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
        let answer = Answer {
            host: origin.to_string(),
            is_page: is_page(content_type, &body),
            origin,
            leads_to: leads_to(headers),
            retry_after,
            date: date(headers),
            body,
        };
        Ok((response.status(), answer))
    }
}

fn prepared(request: RequestBuilder) -> Result<(Client, Request), StackError> {
    let (client, request) = request.build_split();
    let unfit = |_| StackError::invalid("the stack", "a URL or token that HTTP cannot carry");
    Ok((client, request.map_err(unfit)?))
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

/// Host and port of a URL, for messages.
pub(super) fn host(url: &str) -> String {
    Origin::parse(url).to_string()
}

#[cfg(test)]
mod tests;
