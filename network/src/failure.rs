//! What kept a request from its answer, told apart.

use std::error::Error as StdError;
use std::io;

use quilt_proto::NetworkFailure;
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
/// the name of whom it is about: "registry.example cannot be reached: …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// No address is known for the name.
    #[error("cannot be reached: its name is not found (DNS)")]
    NameNotFound,
    /// Nothing listens at the port.
    #[error("cannot be reached: it refuses connections")]
    ConnectionRefused,
    /// The system knows no way there.
    #[error("cannot be reached: there is no way to it on this network")]
    NoRoute,
    /// No connection in time.
    #[error("cannot be reached: no connection came about in time")]
    ConnectTimeout,
    /// No answer in time.
    #[error("did not answer in time")]
    Timeout,
    /// The certificate is of an authority that is not trusted here.
    #[error(
        "cannot be trusted: its certificate is of an authority that this machine does not know{}",
        authority_advice(unusable.as_deref())
    )]
    UnknownCertificate {
        /// Certificates that were to be trusted, and could not be read.
        unusable: Option<Box<Unusable>>,
    },
    /// The certificate has expired.
    #[error("cannot be trusted: its certificate has expired, if this machine's clock is right")]
    ExpiredCertificate,
    /// The certificate is not valid yet.
    #[error(
        "cannot be trusted: its certificate is not valid yet, if this machine's clock is right"
    )]
    FutureCertificate,
    /// The certificate is for another name.
    #[error("cannot be trusted: its certificate is for another name")]
    WrongCertificateName,
    /// The certificate has some other fault.
    #[error("cannot be trusted: its certificate is not a proper one")]
    BadCertificate,
    /// It is on another machine, and named without TLS.
    #[error(
        "is not asked: its address is one of plain http, and whoever is on the way there could \
         read what is sent"
    )]
    PlainHttp,
    /// The port does not speak TLS.
    #[error("does not speak TLS at that port")]
    NotTls,
    /// The port speaks TLS, and HTTP was expected.
    #[error("speaks TLS at that port, and plain HTTP was asked for")]
    UnexpectedTls,
    /// TLS came to nothing.
    #[error("cannot be reached: it broke off the TLS handshake")]
    TlsFailed,
    /// There is no TLS on this machine.
    #[error("cannot be asked: no TLS on this machine")]
    NoTls,
    /// A variable that names no proxy.
    #[error(
        "cannot be asked: {variable} is not the URL of a proxy, such as http://proxy.example:3128"
    )]
    ProxySettings {
        /// Which.
        variable: &'static str,
    },
    /// The proxy cannot be reached.
    #[error("cannot be reached: the proxy {0} does not answer")]
    ProxyUnreachable(ProxyUrl),
    /// The proxy wants a name and a password, or others.
    #[error("cannot be reached: {}", password_advice(.0.as_ref()))]
    ProxyPassword(Option<ProxyUrl>),
    /// The proxy does not let it through.
    #[error("cannot be reached: the proxy {0} does not let it through")]
    ProxyRefused(ProxyUrl),
    /// A web page came as the answer.
    #[error("answered with a web page: this network may want a login in the browser first")]
    CaptivePortal,
    /// A web page came with a refusal.
    #[error(
        "is behind something that answers {0} with a web page: a firewall, or a VPN that is off"
    )]
    FirewallPage(u16),
    /// The answer leads elsewhere: to a host, if that can be told.
    #[error(
        "redirected elsewhere{}",
        .0.as_ref().map(|host| format!(", to {host}")).unwrap_or_default()
    )]
    Redirected(Option<String>),
    /// The answer broke off.
    #[error("broke off its answer")]
    BrokenAnswer,
    /// Said with a status that it failed, for now.
    #[error("answered {0}")]
    Status(String),
    /// The same, and for how long it is not to be asked again.
    #[error("answered {status}, and wants to be left alone for {seconds} s")]
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
        use io::ErrorKind::{ConnectionReset, UnexpectedEof};
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
                (_, Some(UnexpectedEof)) | (None, Some(ConnectionReset)) => Self::TlsFailed,
                (None, _) if error.is_timeout() => Self::ConnectTimeout,
                (None, kind) => Self::of_io(kind),
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
        use rustls::{CertificateError as C, Error as E};
        match error {
            E::InvalidCertificate(why) => match why {
                C::UnknownIssuer => Self::UnknownCertificate { unusable: None },
                C::Expired | C::ExpiredContext { .. } => Self::ExpiredCertificate,
                C::NotValidYet | C::NotValidYetContext { .. } => Self::FutureCertificate,
                C::NotValidForName | C::NotValidForNameContext { .. } => Self::WrongCertificateName,
                // One that signs for itself, and was not meant to.
                C::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
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
        let what = text.strip_prefix("tunnel error: ");
        let what = what.or_else(|| text.strip_prefix("SOCKS error: "))?;
        let proxy = proxy.clone();
        Some(match what {
            "failed to create underlying connection"
            | "io error establishing tunnel"
            | "io error during SOCKS handshake" => Self::ProxyUnreachable(proxy),
            "proxy authorization required" => Self::ProxyPassword(Some(proxy)),
            what if what.contains("authentication") || what.starts_with("credentials") => {
                Self::ProxyPassword(Some(proxy))
            }
            _ => Self::ProxyRefused(proxy),
        })
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

/// Why an authority may not be known, or what makes it so.
fn authority_advice(unusable: Option<&Unusable>) -> String {
    match unusable {
        Some(unusable) => format!(", and {unusable}"),
        None => "; name that authority's PEM file as ca_bundle under [network]".to_owned(),
    }
}

/// Which proxy wants a password, and where to write it.
fn password_advice(proxy: Option<&ProxyUrl>) -> String {
    let (who, address) = match proxy {
        Some(proxy) => (format!("the proxy {proxy}"), proxy.to_string()),
        None => ("a proxy on the way".to_owned(), "PROXY:PORT".to_owned()),
    };
    format!(
        "{who} wants a user name and a password; write proxy = \"http://USER:PASSWORD@{address}\" \
         under [network]"
    )
}
