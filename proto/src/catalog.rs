//! URLs of catalogs and registries: `https`, except on loopback.

use std::str::FromStr;

use url::{Host, Url};

use crate::text_form::{serde_as_text, shown_as_text};

/// The URL that names a Quilt deployment: origin plus optional path, without
/// a trailing slash, query, fragment or credentials.
#[derive(Clone, derive_more::Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[debug("{self}")]
pub struct CatalogUrl(String);

/// The base URL of a stack's HTTP services (`registryUrl` in `config.json`), without
/// a trailing slash.
#[derive(Clone, derive_more::Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[debug("{self}")]
pub struct RegistryUrl(String);

/// Why a text is not an acceptable URL. Never quotes the text: it may hold
/// credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not an absolute URL.
    #[error("not a URL; give one like https://demo.quilt.example")]
    NotAUrl,
    /// A scheme other than http or https.
    #[error("the URL must start with https://")]
    Scheme,
    /// Plain http to a host that is not this machine.
    #[error("plain http is accepted only for loopback addresses; use https://")]
    Insecure,
    /// User name or password inside the URL.
    #[error("the URL must not carry a user name or password")]
    Credentials,
    /// A query or a fragment.
    #[error("the URL must not carry a query or a fragment")]
    Query,
    /// Longer than any server takes.
    #[error("the URL is longer than {MAX_URL} bytes")]
    TooLong,
}

/// The longest URL of a catalog or registry, in bytes.
pub const MAX_URL: usize = 2048;
/// Where the pages of a catalog begin; what follows is not part of its name.
const PAGES: &[&str] = &[
    "about",
    "activate",
    "activation_error",
    "admin",
    "b",
    "code",
    "connect",
    "data-products",
    "install",
    "login",
    "oauth-callback",
    "package",
    "profile",
    "queries",
    "redir",
    "reset_password",
    "search",
    "signin",
    "signout",
    "signup",
    "sso",
    "uri",
];

impl CatalogUrl {
    /// The catalog that somebody means who types its URL, its host, or the
    /// address of any page on it.
    ///
    /// ```
    /// use quilt_proto::CatalogUrl;
    ///
    /// for typed in [
    ///     "demo.quilt.example",
    ///     "https://demo.quilt.example/b/lake/tree/?prefix=x",
    /// ] {
    ///     let catalog = CatalogUrl::from_typed(typed).unwrap();
    ///     assert_eq!(catalog.as_str(), "https://demo.quilt.example");
    /// }
    /// ```
    ///
    /// # Errors
    /// Where it is none of these.
    pub fn from_typed(text: &str) -> Result<Self, UrlError> {
        let text = text.trim();
        let url = if text.contains("://") {
            text.to_owned()
        } else if looks_like_host(text) {
            let scheme = if is_local(text) { "http" } else { "https" };
            format!("{scheme}://{text}")
        } else {
            return Err(UrlError::NotAUrl);
        };
        let (scheme, rest) = url.split_once("://").ok_or(UrlError::NotAUrl)?;
        // What a page is asked for, and where in it, is no part of its name.
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let mut segments = rest.split('/');
        let mut kept = vec![segments.next().unwrap_or_default()];
        kept.extend(segments.take_while(|segment| !PAGES.contains(segment)));
        format!("{scheme}://{}", kept.join("/")).parse()
    }

    /// Whether both are on the same server, whatever their paths and however its
    /// name is spelt: with a dot at the end, or as one of the names of this
    /// machine.
    pub fn is_same_server(&self, other: &Self) -> bool {
        let server = |catalog: &Self| {
            let url = Url::parse(catalog.as_str()).ok()?;
            let host = if is_loopback(&url) {
                "localhost"
            } else {
                url.host_str()?.trim_end_matches('.')
            };
            Some((host.to_owned(), url.port_or_known_default()))
        };
        self == other || server(self).is_some_and(|this| Some(this) == server(other))
    }
}

/// Whether a text without scheme begins with the name of a host: one with a
/// dot, or this machine.
fn looks_like_host(text: &str) -> bool {
    let host = text.split(['/', '?', '#']).next().unwrap_or_default();
    let name = host.split(':').next().unwrap_or_default();
    let is_label = |label: &str| {
        let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        !label.is_empty() && label.len() <= 63 && label.bytes().all(legal)
    };
    host.len() <= 253
        && name.split('.').all(is_label)
        && (name.contains('.') || name == "localhost")
}

fn is_local(text: &str) -> bool {
    text.starts_with("localhost") || text.starts_with("127.")
}

/// Checks scheme, host and shape; returns the URL without trailing slashes.
fn parse(text: &str) -> Result<String, UrlError> {
    if text.len() > MAX_URL {
        return Err(UrlError::TooLong);
    }
    let url = Url::parse(text.trim()).map_err(|_| UrlError::NotAUrl)?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return Err(UrlError::Insecure),
        _ => return Err(UrlError::Scheme),
    }
    // URLs may have marks in their hosts that mean something to a shell; names
    // of hosts have none (RFC 1123, and the underscore that people use).
    let sound = |name: &str| {
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        !name.is_empty() && !name.starts_with('-') && name.bytes().all(legal)
    };
    match url.host() {
        Some(Host::Domain(name)) if !sound(name) => return Err(UrlError::NotAUrl),
        None => return Err(UrlError::NotAUrl),
        Some(_) => {}
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::Credentials);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(UrlError::Query);
    }
    let url = url.as_str().trim_end_matches('/');
    // Escapes make it longer; what is accepted can be read back.
    if url.len() > MAX_URL {
        return Err(UrlError::TooLong);
    }
    Ok(url.to_owned())
}

/// Whether the URL's host is this machine: `localhost` or a loopback address.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

macro_rules! url_type {
    ($name:ident) => {
        impl $name {
            /// The URL from its host on, as people say it.
            pub fn without_scheme(&self) -> &str {
                self.0.split_once("://").map_or(&*self.0, |(_, rest)| rest)
            }

            /// This URL with `path` (starting with `/`) appended.
            pub fn join(&self, path: &str) -> String {
                format!("{}{path}", self.0)
            }
        }

        impl FromStr for $name {
            type Err = UrlError;

            fn from_str(text: &str) -> Result<Self, UrlError> {
                parse(text).map(Self)
            }
        }
    };
}

url_type!(CatalogUrl);
url_type!(RegistryUrl);
shown_as_text!(CatalogUrl RegistryUrl);
serde_as_text!(CatalogUrl RegistryUrl);

impl RegistryUrl {
    /// What the name of a gateway begins with.
    pub const ON_LOOPBACK: &str = "http://127.0.0.1:";

    /// The port of this machine that it is on, whatever name or address of
    /// loopback is written in it; nothing where it is elsewhere.
    pub fn loopback_port(&self) -> Option<u16> {
        let url = Url::parse(&self.0).ok()?;
        url.port_or_known_default().filter(|_| is_loopback(&url))
    }

    /// The registry on a port of 127.0.0.1, as a gateway is named.
    pub fn on_loopback(port: u16) -> Self {
        Self(format!("{}{port}", Self::ON_LOOPBACK))
    }

    /// The port of a gateway, where this is how one is named.
    pub fn gateway_port(&self) -> Option<u16> {
        self.0.strip_prefix(Self::ON_LOOPBACK)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn catalog(text: &str) -> Result<String, UrlError> {
        text.parse::<CatalogUrl>().map(|url| url.to_string())
    }

    #[test]
    fn a_port_of_this_machine_is_one_however_it_is_spelt() {
        let port = |text: &str| text.parse::<RegistryUrl>().unwrap().loopback_port();
        for here in [
            "http://127.0.0.1:7000",
            "http://127.1:7000/x",
            "http://127.8.8.8:7000",
            "http://localhost:7000/",
            "http://LocalHost:7000/a/../b",
            "http://a.b.localhost:7000",
            "http://[::1]:7000",
            "https://127.0.0.1:7000",
        ] {
            assert_eq!(port(here), Some(7000), "{here}");
        }
        assert_eq!(port("http://localhost"), Some(80));
        assert_eq!(port("https://localhost"), Some(443));
        for elsewhere in ["https://r.example:7000", "https://10.0.0.1:7000"] {
            assert_eq!(port(elsewhere), None, "{elsewhere}");
        }
    }

    #[test]
    fn trailing_slashes_case_and_default_port_are_normalised() {
        assert_eq!(
            catalog(" HTTPS://Demo.Quilt.Example:443/// "),
            Ok("https://demo.quilt.example".into())
        );
    }

    #[test]
    fn one_server_is_the_same_however_it_is_spelt() {
        let same = |one: &str, other: &str| {
            let of = |text: &str| text.parse::<CatalogUrl>().unwrap();
            of(one).is_same_server(&of(other)) && of(other).is_same_server(&of(one))
        };
        for other in [
            "https://demo.example/x",
            "https://demo.example.",
            "https://DEMO.example:443/x/y",
        ] {
            assert!(same("https://demo.example", other), "{other}");
        }
        for other in [
            "http://localhost:8080",
            "http://[::1]:8080/x",
            "http://127.1.2.3:8080",
            "http://demo.localhost:8080",
        ] {
            assert!(same("http://127.0.0.1:8080", other), "{other}");
        }
        assert!(!same("https://demo.example", "https://demo.example:8443"));
        assert!(!same("https://demo.example", "https://lab.example"));
        assert!(!same("http://127.0.0.1:8080", "http://localhost:8081"));
    }

    #[test]
    fn a_port_of_loopback_is_a_registry() {
        let url = RegistryUrl::on_loopback(8080);
        assert_eq!(url.as_str().parse(), Ok(url));
    }

    #[test]
    fn plain_http_is_for_loopback_only() {
        assert!(catalog("http://127.0.0.1:8080").is_ok());
        assert!(catalog("http://[::1]:8080").is_ok());
        assert!(catalog("http://localhost:1").is_ok());
        assert_eq!(
            catalog("http://localhost.evil.example"),
            Err(UrlError::Insecure)
        );
        assert_eq!(
            catalog("http://127.0.0.1.evil.example"),
            Err(UrlError::Insecure)
        );
    }

    #[test]
    fn hosts_and_pages_are_their_catalog() {
        let typed = |text: &str| CatalogUrl::from_typed(text).map(|url| url.to_string());
        for text in [
            "demo.example",
            " demo.example/ ",
            "https://demo.example/b/lake/tree/a/b",
            "demo.example/search?q=b/c",
            "https://demo.example/code#x",
            "https://demo.example/?q=x",
            "https://demo.example?q=x/y",
            "https://demo.example/queries/athena?bucket=b",
            "https://demo.example/login?next=%2F",
        ] {
            assert_eq!(typed(text), Ok("https://demo.example".into()), "{text}");
        }
        assert_eq!(
            typed("https://x.example/quilt/b/y"),
            Ok("https://x.example/quilt".into())
        );
        assert_eq!(typed("127.0.0.1:80/x"), Ok("http://127.0.0.1/x".into()));
        for text in ["demo", "", "qk_secret", "a b.example", "-x.y; id", "s3://b"] {
            assert!(typed(text).is_err(), "{text}");
        }
    }

    #[test]
    fn other_shapes_are_refused() {
        assert_eq!(catalog("demo.quilt.example"), Err(UrlError::NotAUrl));
        assert_eq!(catalog("s3://bucket"), Err(UrlError::Scheme));
        assert_eq!(
            catalog("https://u:p@demo.example"),
            Err(UrlError::Credentials)
        );
        assert_eq!(catalog("https://demo.example/?q"), Err(UrlError::Query));
        let long = format!("https://demo.example/{}", "x".repeat(MAX_URL));
        assert_eq!(catalog(&long), Err(UrlError::TooLong));
        // Three bytes each once they are escaped.
        let grows = |count| format!("https://demo.example/{}", "{".repeat(count));
        let most = grows((MAX_URL - "https://demo.example/".len()) / 3);
        let long = format!("{most}{{{{");
        assert!(catalog(&most).is_ok_and(|once| catalog(&once).is_ok()));
        assert!(long.len() < MAX_URL && catalog(&long).is_err(), "{long}");
    }

    proptest! {
        #[test]
        fn parsing_is_idempotent(text in "\\PC{0,40}|https://[a-z]{1,8}\\.example(/[a-z]{0,4}){0,3}/?|https://a\\.example/\\PC{500,2030}") {
            if let Ok(once) = catalog(&text) {
                prop_assert_eq!(catalog(&once), Ok(once));
            }
        }
    }
}
