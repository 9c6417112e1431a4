//! Refuses what a web page could send: a foreign `Host` (DNS rebinding) and any
//! header only a browser adds.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, Uri, header};
use quilt_proto::{ErrorCode, Problem};

use super::serve::{ErrorResponder, problem_response};

/// The authorities a listener answers to, `host` or `host:port`.
#[derive(Clone, Debug)]
pub struct AllowedHosts(Arc<[String]>);

impl AllowedHosts {
    /// Exactly these.
    pub fn only<S: Into<String>>(hosts: impl IntoIterator<Item = S>) -> Self {
        Self(hosts.into_iter().map(Into::into).collect())
    }

    fn allow(&self, authority: &str) -> bool {
        self.0
            .iter()
            .any(|host| host.eq_ignore_ascii_case(authority))
    }
}

/// Tells requests of web pages, and for other hosts, from those of programs.
#[derive(Clone)]
pub struct BrowserGuard {
    hosts: AllowedHosts,
    refuse: ErrorResponder,
}

impl BrowserGuard {
    /// Of the control socket: what it refuses is logged, and answered with a
    /// problem.
    pub fn of_control() -> Self {
        let refuse: ErrorResponder = Arc::new(|problem| {
            tracing::warn!(reason = problem.detail, "refused a foreign request");
            problem_response(problem)
        });
        // What its clients send.
        Self::new(AllowedHosts::only(["localhost"]), refuse)
    }

    /// Serves `hosts`, and refuses in the words of `refuse`.
    pub fn new(hosts: AllowedHosts, refuse: ErrorResponder) -> Self {
        Self { hosts, refuse }
    }

    /// The answer to a request that is not to be served.
    pub fn refusal(&self, request: &Request) -> Option<Response> {
        let reason = verdict(request.uri(), request.headers(), &self.hosts).err()?;
        Some((self.refuse)(&Problem::new(403, ErrorCode::Denied, reason)))
    }
}

/// Why a request is refused. The words never repeat what was sent.
fn verdict(uri: &Uri, headers: &HeaderMap, hosts: &AllowedHosts) -> Result<(), &'static str> {
    let mut named = headers.get_all(header::HOST).iter();
    match (named.next(), named.next()) {
        (Some(host), None) if host.to_str().is_ok_and(|host| hosts.allow(host)) => {}
        (None, _) => return Err("the request names no Host"),
        (Some(_), Some(_)) => return Err("the request names several Hosts"),
        (Some(_), None) => return Err("the request is for another Host"),
    }
    if uri.authority().is_some_and(|to| !hosts.allow(to.as_str())) {
        return Err("the request is for another Host");
    }
    let from_browser = headers.keys().any(|name| {
        *name == header::ORIGIN
            || *name == header::REFERER
            || name.as_str().starts_with("sec-fetch-")
    });
    if from_browser {
        return Err("the request comes from a web page");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
