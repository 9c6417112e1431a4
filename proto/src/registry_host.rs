//! Host and port of a registry: what a person agrees to.

use std::str::FromStr;

use url::{Host, Url};

use crate::RegistryUrl;
use crate::text_form::{serde_as_text, shown_as_text};

/// The port that goes without saying.
const HTTPS: u16 = 443;

/// The longest name there can be (RFC 1035, section 2.3.4).
const MAX_NAME: usize = 253;

/// A host, and its port where it is not that of https: `registry.example`,
/// `127.0.0.1:8080`, `[::1]:8080`. Names are letters, digits, dots, `-` and `_`
/// only; those of other scripts are in their ASCII form (RFC 5891).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistryHost(String);

/// Why a text is no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a host; give one like registry.quilt.example, without https:// and without a path")]
pub struct NotAHost;

impl RegistryHost {
    fn new<S: AsRef<str>>(host: &Host<S>, port: Option<u16>) -> Option<Self> {
        if let Host::Domain(name) = host {
            let name = name.as_ref();
            let legal = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
            if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(legal) {
                return None;
            }
        }
        Some(Self(match port.filter(|port| *port != HTTPS) {
            Some(port) => format!("{host}:{port}"),
            None => host.to_string(),
        }))
    }
}

impl RegistryUrl {
    /// The host it is on; nothing where that is no name a person could agree to.
    pub fn host(&self) -> Option<RegistryHost> {
        let url = Url::parse(self.as_str()).ok()?;
        RegistryHost::new(&url.host()?, url.port())
    }

    /// Whether both are the same server, whatever their paths.
    pub fn is_same_server(&self, other: &Self) -> bool {
        match (Url::parse(self.as_str()), Url::parse(other.as_str())) {
            (Ok(one), Ok(other)) => one.origin() == other.origin(),
            _ => false,
        }
    }
}

impl FromStr for RegistryHost {
    type Err = NotAHost;

    fn from_str(text: &str) -> Result<Self, NotAHost> {
        let text = text.trim();
        let (name, port) = match text.rsplit_once(':') {
            // The last colon of an IPv6 address without a port is in brackets.
            Some((name, port)) if !port.ends_with(']') => {
                (name, Some(port.parse().map_err(|_| NotAHost)?))
            }
            _ => (text, None),
        };
        let host = Host::parse(name).map_err(|_| NotAHost)?;
        Self::new(&host, port).ok_or(NotAHost)
    }
}

shown_as_text!(RegistryHost);
serde_as_text!(RegistryHost);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn host(text: &str) -> Option<String> {
        text.parse().ok().map(|host: RegistryHost| host.to_string())
    }

    #[test]
    fn hosts_are_written_one_way() {
        for (text, same) in [
            ("Registry.Example", "registry.example"),
            (" registry.example:443 ", "registry.example"),
            ("registry.example:8443", "registry.example:8443"),
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("[::1]:8080", "[::1]:8080"),
            ("[::1]", "[::1]"),
            ("bücher.example", "xn--bcher-kva.example"),
        ] {
            assert_eq!(host(text).as_deref(), Some(same), "{text}");
        }
    }

    #[test]
    fn what_a_shell_or_a_url_would_read_otherwise_is_no_host() {
        for bad in [
            "",
            ":80",
            "https://registry.example",
            "registry.example/path",
            "u@registry.example",
            "a b",
            "a;b",
            "$(a)",
            "a'b",
            "a`b",
            "a&b",
            "registry.example:port",
            "registry.example:99999",
        ] {
            assert_eq!(host(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_registry_is_on_a_host_or_on_none_that_can_be_agreed_to() {
        let of = |url: &str| url.parse::<RegistryUrl>().unwrap().host();
        assert_eq!(of("https://R.example:443/x"), "r.example".parse().ok());
        assert_eq!(of("http://127.0.0.1:80"), "127.0.0.1".parse().ok());
        assert_eq!(of("http://[::1]:8080/x"), "[::1]:8080".parse().ok());
        assert!("https://x;run$(y)/".parse::<RegistryUrl>().is_err());
    }

    #[test]
    fn servers_differ_by_scheme_host_and_port() {
        let of = |text: &str| text.parse::<RegistryUrl>().unwrap();
        let one = of("https://r.example/a");
        assert!(one.is_same_server(&of("https://R.example:443/b")));
        for other in ["https://s.example", "https://r.example:8443"] {
            assert!(!one.is_same_server(&of(other)), "{other}");
        }
        assert!(!of("http://127.0.0.1:443").is_same_server(&of("https://127.0.0.1")));
    }

    proptest! {
        #[test]
        fn a_host_survives_being_written(text in "\\PC{0,30}|[a-z.:\\[\\]0-9]{0,20}") {
            if let Some(once) = host(&text) {
                prop_assert_eq!(host(&once), Some(once));
            }
        }
    }
}
