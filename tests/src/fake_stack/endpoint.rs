//! The names faults are planted under and calls are counted by.

use http::Method;
use serde::{Deserialize, Serialize};

/// One of the servers of a deployment, each with a listener of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Host {
    /// The web app and the OAuth server.
    Catalog,
    /// The registry.
    Registry,
    /// S3.
    S3,
    /// STS and federation.
    Sts,
}

impl Host {
    pub(crate) const ALL: [Self; 4] = [Self::Catalog, Self::Registry, Self::S3, Self::Sts];
}

/// One call a client makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `GET <catalog>/config.json`.
    Config,
    /// `<registry>/login` and `<registry>/code`, the pages.
    Login,
    /// `POST <registry>/api/token`.
    Token,
    /// `GET <registry>/api/auth/get_credentials`.
    GetCredentials,
    /// `POST <registry>/graphql`.
    Graphql,
    /// `GET <registry>/api/search`.
    Search,
    /// Anything in S3.
    S3,
    /// Anything in STS.
    Sts,
    /// The console federation endpoint.
    Federation,
    /// OAuth metadata (RFC 8414).
    ConnectMetadata,
    /// OAuth client registration (RFC 7591).
    ConnectRegister,
    /// OAuth authorization.
    ConnectAuthorize,
    /// OAuth token endpoint.
    ConnectToken,
    /// OAuth revocation (RFC 7009).
    ConnectRevoke,
}

impl Endpoint {
    /// Every endpoint.
    pub const ALL: [Self; 14] = [
        Self::Config,
        Self::Login,
        Self::Token,
        Self::GetCredentials,
        Self::Graphql,
        Self::Search,
        Self::S3,
        Self::Sts,
        Self::Federation,
        Self::ConnectMetadata,
        Self::ConnectRegister,
        Self::ConnectAuthorize,
        Self::ConnectToken,
        Self::ConnectRevoke,
    ];

    /// What a request is a call of; nothing for pages nobody counts.
    pub(crate) fn of(host: Host, method: &Method, path: &str) -> Option<Self> {
        Some(match (host, path) {
            (Host::S3, _) => Self::S3,
            (Host::Sts, "/federation") => Self::Federation,
            (Host::Sts, "/") if method == Method::POST || method == Method::GET => Self::Sts,
            (Host::Catalog, "/config.json") => Self::Config,
            (Host::Catalog, "/.well-known/oauth-authorization-server") => Self::ConnectMetadata,
            (Host::Catalog, "/auth/register") => Self::ConnectRegister,
            (Host::Catalog, "/connect/authorize" | "/auth/authorize") => Self::ConnectAuthorize,
            (Host::Catalog, "/auth/token") => Self::ConnectToken,
            (Host::Catalog, "/auth/revoke") => Self::ConnectRevoke,
            (Host::Registry, "/login" | "/code") => Self::Login,
            (Host::Registry, "/api/token") => Self::Token,
            (Host::Registry, "/api/auth/get_credentials") => Self::GetCredentials,
            (Host::Registry, "/graphql") => Self::Graphql,
            (Host::Registry, "/api/search") => Self::Search,
            _ => return None,
        })
    }
}

/// An endpoint or a family of them, as a person names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointSet(pub Vec<Endpoint>);

impl std::str::FromStr for EndpointSet {
    type Err = UnknownEndpoint;

    /// `all`, `connect`, or the name of one endpoint.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let named = |endpoint: &Endpoint| name == "all" || endpoint.to_string() == name;
        let family =
            |endpoint: &Endpoint| name == "connect" && endpoint.to_string().starts_with("connect_");
        let found: Vec<_> = Endpoint::ALL
            .into_iter()
            .filter(|e| named(e) || family(e))
            .collect();
        if found.is_empty() {
            Err(UnknownEndpoint(name.to_owned()))
        } else {
            Ok(Self(found))
        }
    }
}

impl From<Endpoint> for EndpointSet {
    fn from(endpoint: Endpoint) -> Self {
        Self(vec![endpoint])
    }
}

/// No endpoint has this name.
#[derive(Debug, thiserror::Error)]
#[error("no endpoint is called {0:?}")]
pub struct UnknownEndpoint(String);

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_ones_on_the_wire() {
        assert_eq!(Endpoint::GetCredentials.to_string(), "get_credentials");
        assert_eq!(Host::S3.to_string(), "s3");
        let one: EndpointSet = "token".parse().unwrap();
        assert_eq!(one.0, [Endpoint::Token]);
        assert_eq!("connect".parse::<EndpointSet>().unwrap().0.len(), 5);
        assert_eq!(
            "all".parse::<EndpointSet>().unwrap().0.len(),
            Endpoint::ALL.len()
        );
        assert!("nowhere".parse::<EndpointSet>().is_err());
    }
}
