//! What kept a request from its answer, told apart.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use quilt_proto::NetworkFailure;
use rustls::CertificateError;
use url::Url;

use crate::resolver::NameError;
use crate::{ProxyUrl, Unusable};

/// An error and what is behind it.
pub(crate) fn chain<'e>(
    error: &'e (dyn StdError + 'static),
) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        // What io's error is about is its inside, which is no source of it.
        let inside = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match inside {
            Some(inside) => Some(inside),
            None => error.source(),
        };
        Some(error)
    })
}

/// Why no answer came, or none of whoever was asked. As a sentence it follows
/// the name of whom it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// No address is known for the name.
    NameNotFound,
    /// Nothing listens at the port.
    ConnectionRefused,
    /// The system knows no way there.
    NoRoute,
    /// No connection in time.
    ConnectTimeout,
    /// No answer in time.
    Timeout,
    /// The certificate is of an authority that is not trusted here.
    UnknownCertificate {
        /// Certificates that were to be trusted, and could not be read.
        unusable: Option<Box<Unusable>>,
    },
    /// The certificate has expired.
    ExpiredCertificate,
    /// The certificate is not valid yet.
    FutureCertificate,
    /// The certificate is for another name.
    WrongCertificateName,
    /// The certificate has some other fault.
    BadCertificate,
    /// It is on another machine, and named without TLS.
    PlainHttp,
    /// The port does not speak TLS.
    NotTls,
    /// The port speaks TLS, and HTTP was expected.
    UnexpectedTls,
    /// TLS came to nothing.
    TlsFailed,
    /// There is no TLS on this machine.
    NoTls,
    /// A variable that names no proxy.
    ProxySettings {
        /// Which.
        variable: &'static str,
    },
    /// The proxy cannot be reached.
    ProxyUnreachable(ProxyUrl),
    /// The proxy wants a name and a password, or others.
    ProxyPassword(Option<ProxyUrl>),
    /// The proxy does not let it through.
    ProxyRefused(ProxyUrl),
    /// A web page came as the answer.
    CaptivePortal,
    /// A web page came with a refusal.
    FirewallPage(u16),
    /// The answer leads elsewhere: to a host, if that can be told.
    Redirected(Option<String>),
    /// The answer broke off.
    BrokenAnswer,
    /// Said with a status that it failed, for now.
    Status(String),
    /// The same, and for how long it is not to be asked again.
    Busy {
        /// The status.
        status: String,
        /// For so many seconds.
        seconds: u32,
    },
}

impl Failure {
    /// Whether it came before a request could be sent: then it had no effect.
    pub fn is_before_request(&self) -> bool {
        matches!(
            self,
            Self::NameNotFound
                | Self::ConnectionRefused
                | Self::NoRoute
                | Self::ConnectTimeout
                | Self::PlainHttp
                | Self::NoTls
                | Self::ProxySettings { .. }
                | Self::ProxyUnreachable(_)
        )
    }

    /// Why a request to `url`, through `proxy` if that is to be, came to nothing.
    pub(crate) fn of(error: &reqwest::Error, url: &Url, proxy: Option<&ProxyUrl>) -> Self {
        let chain = || chain(error);
        if let Some(error) = chain().find_map(|it| it.downcast_ref::<rustls::Error>()) {
            return Self::of_tls(error);
        }
        if let Some(proxy) = proxy
            && let Some(failure) = chain().find_map(|it| Self::of_proxy(&it.to_string(), proxy))
        {
            return failure;
        }
        if let Some(error) = chain().find_map(|it| it.downcast_ref::<NameError>()) {
            return match proxy {
                Some(proxy) if error.host == proxy.host() => Self::ProxyUnreachable(proxy.clone()),
                _ => Self::NameNotFound,
            };
        }
        if error.is_connect() {
            // The innermost is the system's own.
            let kinds = chain().filter_map(|it| Some(it.downcast_ref::<io::Error>()?.kind()));
            let kind = kinds.last();
            return match (proxy, kind) {
                // Also a handshake that was let in by whoever then hung up.
                (None, Some(io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)) => {
                    Self::TlsFailed
                }
                (None, _) if error.is_timeout() => Self::ConnectTimeout,
                (None, kind) => Self::of_io(kind),
                (Some(_), Some(io::ErrorKind::UnexpectedEof)) => Self::TlsFailed,
                (Some(proxy), _) => Self::ProxyUnreachable(proxy.clone()),
            };
        }
        if error.is_timeout() {
            return Self::Timeout;
        }
        // The library tells an answer that is no HTTP at all from one that is not
        // well made in words alone.
        let is_not_http = chain()
            .filter_map(|it| it.downcast_ref::<hyper::Error>())
            .any(|it| it.is_parse() && it.to_string().contains("version"));
        if is_not_http && url.scheme() == "http" && proxy.is_none() {
            return Self::UnexpectedTls;
        }
        Self::BrokenAnswer
    }

    fn of_io(kind: Option<io::ErrorKind>) -> Self {
        match kind {
            Some(
                io::ErrorKind::HostUnreachable
                | io::ErrorKind::NetworkUnreachable
                | io::ErrorKind::NetworkDown
                | io::ErrorKind::AddrNotAvailable,
            ) => Self::NoRoute,
            Some(io::ErrorKind::TimedOut) => Self::ConnectTimeout,
            _ => Self::ConnectionRefused,
        }
    }

    fn of_tls(error: &rustls::Error) -> Self {
        use rustls::Error as E;
        match error {
            E::InvalidCertificate(why) => match why {
                CertificateError::UnknownIssuer => Self::UnknownCertificate { unusable: None },
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    Self::ExpiredCertificate
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    Self::FutureCertificate
                }
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => Self::WrongCertificateName,
                // One that signs for itself, and was not meant to.
                CertificateError::Other(other)
                    if other.to_string().contains("CaUsedAsEndEntity") =>
                {
                    Self::UnknownCertificate { unusable: None }
                }
                _ => Self::BadCertificate,
            },
            E::InvalidMessage(_) => Self::NotTls,
            _ => Self::TlsFailed,
        }
    }

    /// The library names these failures in words alone.
    fn of_proxy(text: &str, proxy: &ProxyUrl) -> Option<Self> {
        if let Some(what) = text.strip_prefix("tunnel error: ") {
            return Some(match what {
                "proxy authorization required" => Self::ProxyPassword(Some(proxy.clone())),
                "failed to create underlying connection" | "io error establishing tunnel" => {
                    Self::ProxyUnreachable(proxy.clone())
                }
                _ => Self::ProxyRefused(proxy.clone()),
            });
        }
        let what = text.strip_prefix("SOCKS error: ")?;
        Some(match what {
            "failed to create underlying connection" | "io error during SOCKS handshake" => {
                Self::ProxyUnreachable(proxy.clone())
            }
            what if what.contains("authentication") || what.starts_with("credentials") => {
                Self::ProxyPassword(Some(proxy.clone()))
            }
            _ => Self::ProxyRefused(proxy.clone()),
        })
    }

    /// Whether nobody was reached, so that nothing of the request was heard.
    pub fn is_unsent(&self) -> bool {
        use NetworkFailure as K;
        let kind = self.kind();
        matches!(
            kind,
            K::NameNotFound | K::ConnectionRefused | K::NoRoute | K::ConnectTimeout
        )
    }

    /// The kind, as it goes over the wire.
    pub fn kind(&self) -> NetworkFailure {
        use NetworkFailure as K;
        match self {
            Self::NameNotFound => K::NameNotFound,
            Self::ConnectionRefused => K::ConnectionRefused,
            Self::NoRoute => K::NoRoute,
            Self::ConnectTimeout => K::ConnectTimeout,
            Self::Timeout => K::Timeout,
            Self::UnknownCertificate { .. } => K::UnknownCertificate,
            Self::ExpiredCertificate => K::ExpiredCertificate,
            Self::FutureCertificate => K::FutureCertificate,
            Self::WrongCertificateName => K::WrongCertificateName,
            Self::BadCertificate => K::BadCertificate,
            Self::PlainHttp => K::PlainHttp,
            Self::NotTls => K::NotTls,
            Self::UnexpectedTls => K::UnexpectedTls,
            Self::TlsFailed | Self::NoTls => K::TlsFailed,
            Self::ProxySettings { .. } => K::ProxySettings,
            Self::ProxyUnreachable(_) => K::ProxyUnreachable,
            Self::ProxyPassword(_) => K::ProxyPassword,
            Self::ProxyRefused(_) => K::ProxyRefused,
            Self::CaptivePortal => K::CaptivePortal,
            Self::FirewallPage(_) => K::FirewallPage,
            Self::Redirected(_) => K::Redirected,
            Self::BrokenAnswer => K::BrokenAnswer,
            Self::Status(_) | Self::Busy { .. } => K::ServerError,
        }
    }

    /// For how many seconds whoever was asked is not to be asked again, where it
    /// said so.
    pub fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Busy { seconds, .. } => Some(*seconds),
            _ => None,
        }
    }

    /// The proxy it is about.
    pub fn proxy(&self) -> Option<&ProxyUrl> {
        match self {
            Self::ProxyUnreachable(proxy) | Self::ProxyRefused(proxy) => Some(proxy),
            Self::ProxyPassword(proxy) => proxy.as_ref(),
            _ => None,
        }
    }
}

/// Written to follow a name: "registry.example cannot be reached: …".
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::NameNotFound => "cannot be reached: its name is not found (DNS)",
            Self::ConnectionRefused => "cannot be reached: it refuses connections",
            Self::NoRoute => "cannot be reached: there is no way to it on this network",
            Self::ConnectTimeout => "cannot be reached: no connection came about in time",
            Self::Timeout => "did not answer in time",
            Self::UnknownCertificate { unusable: None } => {
                "cannot be trusted: its certificate is of an authority that this machine does not \
                 know; name that authority's PEM file as ca_bundle under [network]"
            }
            Self::UnknownCertificate {
                unusable: Some(unusable),
            } => {
                return write!(
                    f,
                    "cannot be trusted: its certificate is of an authority that this machine does \
                     not know, and {unusable}"
                );
            }
            Self::ExpiredCertificate => {
                "cannot be trusted: its certificate has expired, if this machine's clock is right"
            }
            Self::FutureCertificate => {
                "cannot be trusted: its certificate is not valid yet, if this machine's clock is \
                 right"
            }
            Self::WrongCertificateName => "cannot be trusted: its certificate is for another name",
            Self::BadCertificate => "cannot be trusted: its certificate is not a proper one",
            Self::PlainHttp => {
                "is not asked: its address is one of plain http, and whoever is on the way there \
                 could read what is sent"
            }
            Self::NotTls => "does not speak TLS at that port",
            Self::UnexpectedTls => "speaks TLS at that port, and plain HTTP was asked for",
            Self::TlsFailed => "cannot be reached: it broke off the TLS handshake",
            Self::NoTls => "cannot be asked: no TLS on this machine",
            Self::ProxySettings { variable } => {
                return write!(
                    f,
                    "cannot be asked: {variable} is not the URL of a proxy, such as \
                     http://proxy.example:3128"
                );
            }
            Self::ProxyUnreachable(proxy) => {
                return write!(f, "cannot be reached: the proxy {proxy} does not answer");
            }
            Self::ProxyPassword(Some(proxy)) => {
                return write!(
                    f,
                    "cannot be reached: the proxy {proxy} wants a user name and a password; write \
                     proxy = \"http://USER:PASSWORD@{proxy}\" under [network]"
                );
            }
            Self::ProxyPassword(None) => {
                "cannot be reached: a proxy on the way wants a user name and a password; write \
                 proxy = \"http://USER:PASSWORD@PROXY:PORT\" under [network]"
            }
            Self::ProxyRefused(proxy) => {
                return write!(
                    f,
                    "cannot be reached: the proxy {proxy} does not let it through"
                );
            }
            Self::CaptivePortal => {
                "answered with a web page: this network may want a login in the browser first"
            }
            Self::FirewallPage(status) => {
                return write!(
                    f,
                    "is behind something that answers {status} with a web page: a firewall, or a \
                     VPN that is off"
                );
            }
            Self::Redirected(None) => "redirected elsewhere",
            Self::Redirected(Some(host)) => return write!(f, "redirected elsewhere, to {host}"),
            Self::BrokenAnswer => "broke off its answer",
            Self::Status(status) => return write!(f, "answered {status}"),
            Self::Busy { status, seconds } => {
                return write!(
                    f,
                    "answered {status}, and wants to be left alone for {seconds} s"
                );
            }
        };
        f.write_str(text)
    }
}

impl StdError for Failure {}
