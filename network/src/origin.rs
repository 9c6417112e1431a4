//! Whom a request was for, without path, query or password.

use std::sync::Arc;

use url::Url;

use crate::Failure;

/// Scheme, host and port of a URL. Shown as host and port, as people say it.
#[derive(Debug, Clone, PartialEq, Eq, derive_more::Display)]
#[display("{host}")]
pub struct Origin {
    is_secure: bool,
    host: Arc<str>,
}

impl Origin {
    /// That of a URL.
    pub fn of(url: &Url) -> Self {
        let host = url.authority().rsplit('@').next().unwrap_or_default();
        Self {
            is_secure: url.scheme() == "https",
            host: host.into(),
        }
    }

    /// That of a URL as text; where it is none, only a name for whom it is.
    pub fn parse(text: &str) -> Self {
        Url::parse(text).map_or_else(
            |_| Self {
                is_secure: true,
                host: "the stack".into(),
            },
            |url| Self::of(&url),
        )
    }

    /// As the beginning of a URL.
    pub fn url(&self) -> String {
        let scheme = if self.is_secure { "https" } else { "http" };
        format!("{scheme}://{}", self.host)
    }

    /// The host alone, as a resolver is asked for it.
    pub fn name(&self) -> &str {
        match self.host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => &self.host,
        }
    }
}

/// A request that came to nothing, and whom it was for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin} {failure}")]
pub struct FailedRequest {
    /// Whom.
    pub origin: Origin,
    /// What happened.
    pub failure: Failure,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_shows_no_password() {
        let origin = Origin::parse("https://u:p@h.example:8443/x?token=t");
        assert_eq!(origin.to_string(), "h.example:8443");
        assert_eq!(origin.url(), "https://h.example:8443");
        assert_eq!(origin.name(), "h.example");
        assert_eq!(Origin::parse("http://[::1]:1/").name(), "[::1]");
    }
}
