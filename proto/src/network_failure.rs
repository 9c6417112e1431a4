//! What can go wrong on the way over the network.

use serde::{Deserialize, Serialize};

/// What kept a request from its answer, stable across versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NetworkFailure {
    /// No DNS server knows the name, or none answers.
    NameNotFound,
    /// Nothing listens at the port.
    ConnectionRefused,
    /// The system knows no way to the address.
    NoRoute,
    /// No connection came about in time.
    ConnectTimeout,
    /// A connection came about, an answer did not.
    Timeout,
    /// The certificate is of an authority that is not trusted here.
    UnknownCertificate,
    /// The certificate has expired.
    ExpiredCertificate,
    /// The certificate is not valid yet, which a wrong clock explains.
    FutureCertificate,
    /// The certificate is for another name.
    WrongCertificateName,
    /// The certificate has some other fault.
    BadCertificate,
    /// The address of another machine begins with `http`: it is not asked.
    PlainHttp,
    /// The port does not speak TLS.
    NotTls,
    /// The port speaks TLS where plain HTTP was expected.
    UnexpectedTls,
    /// The two sides did not agree on TLS.
    TlsFailed,
    /// The proxy's address in the settings or a variable is none.
    ProxySettings,
    /// The proxy cannot be reached.
    ProxyUnreachable,
    /// The proxy wants a user name and a password.
    ProxyPassword,
    /// The proxy lets nobody through, or not there.
    ProxyRefused,
    /// A web page came in place of an answer: a network that wants a login.
    CaptivePortal,
    /// Something on the way refused, with a web page: a firewall.
    FirewallPage,
    /// The answer leads elsewhere.
    Redirected,
    /// The answer broke off, or was none of HTTP.
    BrokenAnswer,
    /// The other side failed: a 5xx.
    ServerError,
    /// A kind of a newer version.
    #[serde(other)]
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_newer_versions_are_read() {
        let kind = |text| serde_json::from_str::<NetworkFailure>(text).unwrap();
        assert_eq!(kind("\"proxy_password\""), NetworkFailure::ProxyPassword);
        assert_eq!(kind("\"from_the_future\""), NetworkFailure::Unknown);
    }
}
