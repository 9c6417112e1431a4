//! Requests of other programs, carried to the registry with our bearer token.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, header};
use quilt_proto::{Reason, RegistryUrl, Secret};
use url::Url;

use super::http::host;
use super::{StackClient, StackError};

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
    /// Its headers; those about the connection or about who asks stay behind.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
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
        let mut headers = request.headers.clone();
        drop_connection_headers(&mut headers);
        for name in [
            header::HOST,
            header::AUTHORIZATION,
            header::COOKIE,
            header::CONTENT_LENGTH,
            header::EXPECT,
        ] {
            headers.remove(name);
        }
        let built = self
            .client(&url)?
            .request(request.method.clone(), &url)
            .headers(headers)
            .bearer_auth(bearer.expose())
            .body(request.body.clone())
            .timeout(TOTAL);
        let outcome = self.execute(built).await;
        self.meter.note(&outcome, StackError::kind);
        let mut response = Forwarded::from(outcome?.0);
        drop_connection_headers(response.headers_mut());
        response.headers_mut().remove(header::SET_COOKIE);
        Ok(response)
    }
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

/// Headers that are about one connection (RFC 9110, section 7.6.1).
fn drop_connection_headers(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [
        header::CONNECTION,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    headers.remove("proxy-connection");
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

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

    #[test]
    fn headers_of_one_connection_stay_behind() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, x-hop"),
            ("x-hop", "1"),
            ("transfer-encoding", "chunked"),
            ("content-type", "application/json"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        drop_connection_headers(&mut headers);
        let left: Vec<_> = headers.keys().collect();
        assert_eq!(left, ["content-type"]);
    }
}
