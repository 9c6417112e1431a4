//! Requests of other programs, carried to the registry with our bearer token.

use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};
use quilt_network::{Failure, Origin};
use quilt_proto::{Reason, RegistryUrl, Secret};
use url::Url;

use super::forward_headers::{downstream, upstream};
use super::http::{host, leads_to};
use super::{Payload, StackClient, StackError};

/// How long a whole exchange may take: longer than our own, because its answer
/// is passed on as it comes.
const TOTAL: Duration = Duration::from_mins(10);

/// A request to be carried.
#[derive(Debug)]
pub struct Forward {
    /// Its method.
    pub method: Method,
    /// Path and query, from the slash on.
    pub target: String,
    /// Its headers; few of them go upstream.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Payload,
}

/// An answer, whatever its status; its body comes as it comes.
pub type Forwarded = http::Response<reqwest::Body>;

impl StackClient {
    /// Carries a request to `registry` as whoever `bearer` is, and the answer
    /// back. Redirects are not followed.
    pub async fn forward(
        &self,
        registry: &RegistryUrl,
        bearer: &Secret,
        request: &Forward,
    ) -> Result<Forwarded, StackError> {
        let url = registry.join(&request.target);
        if !leads_where_it_says(&url) {
            return Err(StackError::Input {
                host: host(registry.as_str()),
                name: None,
                message: Reason::Own("the path leads elsewhere"),
            });
        }
        let built = self
            .client(&url)?
            .request(request.method.clone(), &url)
            .headers(upstream(&request.headers))
            .bearer_auth(bearer.expose())
            .body(request.body.clone().into_body())
            .timeout(TOTAL);
        let outcome = self.execute(built).await;
        let outcome = outcome.and_then(|(answer, host)| leads_nowhere(answer.into(), host));
        self.meter.note(&outcome, StackError::kind);
        let mut answer = outcome?;
        *answer.headers_mut() = downstream(answer.headers());
        // Words beside the status code, which may quote what was asked with, go
        // no further (hyper's `ReasonPhrase`), nor does anything else of its connection.
        answer.extensions_mut().clear();
        Ok(answer)
    }
}

/// An answer that is one: clients would follow a redirect with what they sent,
/// to wherever it leads.
fn leads_nowhere(answer: Forwarded, host: Origin) -> Result<Forwarded, StackError> {
    let status = answer.status();
    if status.is_informational() {
        return Err(StackError::invalid(host, format!("it answered {status}")));
    }
    if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
        let failure = Failure::Redirected(leads_to(answer.headers()));
        return Err(StackError::Unreachable { host, failure });
    }
    Ok(answer)
}

/// Whether the URL means what is written in it: `..` in any spelling does not.
fn leads_where_it_says(text: &str) -> bool {
    let authority = text.find("://").map_or(0, |at| at + 3);
    let path = text[authority..]
        .find('/')
        .map_or("", |at| &text[authority + at..]);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    Url::parse(text).is_ok_and(|url| url.path() == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_mean_something_else_are_told() {
        for good in [
            "https://r.example/api/search?q=../x",
            "http://127.0.0.1:1/base/graphql",
        ] {
            assert!(leads_where_it_says(good), "{good}");
        }
        for bad in [
            "https://r.example/api/../login",
            "https://r.example/api/%2e%2E/login",
            "https://r.example/api/./x",
            "https://r.example/api\\..\\x",
            "https://r.example/api/x y",
        ] {
            assert!(!leads_where_it_says(bad), "{bad}");
        }
    }
}
