//! How a machine reaches the network, as far as more than one program has to
//! agree on it: what can go wrong on the way, and which variables say how.

use std::collections::BTreeMap;
use std::env;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::Secret;

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

/// Variables that name certificates to trust beside the system's: files or
/// directories, in PEM.
pub const CERTIFICATE_VARIABLES: [&str; 5] = [
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "AWS_CA_BUNDLE",
];

/// The proxy for `https`. Of two spellings, the first that is set counts.
pub const HTTPS_PROXY: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];
/// The proxy for `http`.
pub const HTTP_PROXY: [&str; 2] = ["HTTP_PROXY", "http_proxy"];
/// The proxy where there is none of its own.
pub const ALL_PROXY: [&str; 2] = ["ALL_PROXY", "all_proxy"];
/// Whom no proxy is asked for.
pub const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// Variables that name proxies, and whom they are not for.
pub const PROXY_VARIABLES: [[&str; 2]; 4] = [HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY];

/// A variable that is set to something, in either spelling: its name and value.
pub fn variable(spellings: &[&'static str]) -> Option<(&'static str, String)> {
    let mut set = spellings.iter().filter_map(|name| {
        let value = env::var_os(name)?.into_string().ok()?;
        (!value.trim().is_empty()).then_some((*name, value))
    });
    set.next()
}

/// What the environment of this process says about the network, for comparing
/// it with another's: by the first spelling of each name, without passwords.
pub fn environment() -> BTreeMap<String, String> {
    let certificates = CERTIFICATE_VARIABLES.iter().filter_map(|name| {
        let (_, value) = variable(&[name])?;
        // One daemon's directory is not another program's.
        let path = std::path::absolute(&value).ok()?;
        Some(((*name).to_owned(), path.to_string_lossy().into_owned()))
    });
    let proxies = PROXY_VARIABLES.iter().filter_map(|spellings| {
        let (_, value) = variable(spellings)?;
        Some((spellings[0].to_owned(), without_password(&value)))
    });
    certificates.chain(proxies).collect()
}

/// The variables of this process that name a proxy with a password, whole: by
/// the first spelling of each name.
pub fn proxies_with_passwords() -> BTreeMap<String, Secret> {
    let proxies = PROXY_VARIABLES.iter().filter_map(|spellings| {
        let (_, value) = variable(spellings)?;
        let has_password = without_password(&value) != value.trim_end_matches('/');
        has_password.then(|| (spellings[0].to_owned(), Secret::from(value)))
    });
    proxies.collect()
}

/// A proxy's address as it may be shown; what is no URL stays as it is, up to
/// an `@`, before which a password may stand.
pub fn without_password(text: &str) -> String {
    if let Ok(mut url) = Url::parse(text)
        && url.has_host()
    {
        if url.password().is_some() {
            // Only URLs that have a host get here.
            let _ = url.set_password(Some("***"));
        }
        return url.as_str().trim_end_matches('/').to_owned();
    }
    match text.rsplit_once('@') {
        Some((_, rest)) => format!("***@{rest}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_proxies_are_not_shown() {
        for (text, shown) in [
            ("http://u:p@proxy:3128", "http://u:***@proxy:3128"),
            ("socks5h://proxy:1080/", "socks5h://proxy:1080"),
            ("u:p@proxy:3128", "***@proxy:3128"),
            ("proxy:3128", "proxy:3128"),
            (".corp.example,10.0.0.0/8", ".corp.example,10.0.0.0/8"),
        ] {
            assert_eq!(without_password(text), shown);
        }
    }

    #[test]
    fn kinds_of_newer_versions_are_read() {
        let kind = |text| serde_json::from_str::<NetworkFailure>(text).unwrap();
        assert_eq!(kind("\"proxy_password\""), NetworkFailure::ProxyPassword);
        assert_eq!(kind("\"from_the_future\""), NetworkFailure::Unknown);
    }
}
