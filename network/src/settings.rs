//! `[network]` of `quiltd.toml`, parsed.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use url::Url;

/// What the settings say; what they do not, the environment does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Certificates to trust beside the system's: files or directories.
    pub ca_bundle: Vec<PathBuf>,
    /// The proxy; nothing inside is no proxy at all, whatever variables say.
    pub proxy: Option<Option<ProxyUrl>>,
    /// Whom the proxy is not for, as `NO_PROXY` has it.
    pub no_proxy: Option<String>,
}

impl Settings {
    /// A `quiltd.toml` larger than this is none, in bytes.
    pub const MAX_BYTES: u64 = 1024 * 1024;

    /// The table of a `quiltd.toml` that says it.
    pub const TABLE: &str = "network";
    /// Its key of certificates.
    pub const CA_BUNDLE: &str = "ca_bundle";
    /// Its key of the proxy.
    pub const PROXY: &str = "proxy";
    /// Its key of whom the proxy is not for.
    pub const NO_PROXY: &str = "no_proxy";

    /// What a `quiltd.toml` says of the network, for programs beside the
    /// daemon. Whether what it says is right is for the daemon to say; of a file that
    /// is no TOML nobody knows which proxy and certificates it means.
    pub fn from_toml(text: &str) -> Result<Self, toml::de::Error> {
        let document: toml::Table = text.parse()?;
        let texts = |key: &str| match document.get(Self::TABLE)?.get(key)? {
            toml::Value::String(text) => Some(vec![text.clone()]),
            toml::Value::Array(items) => {
                let items = items.iter().filter_map(toml::Value::as_str);
                Some(items.map(str::to_owned).collect())
            }
            _ => None,
        };
        let proxy = texts(Self::PROXY).and_then(|mut texts| texts.pop());
        let ca_bundle = texts(Self::CA_BUNDLE).unwrap_or_default();
        Ok(Self {
            ca_bundle: ca_bundle.into_iter().map(PathBuf::from).collect(),
            proxy: proxy.map(|text| text.parse().ok()),
            no_proxy: texts(Self::NO_PROXY).map(|names| names.join(",")),
        })
    }
}

/// The address of a proxy, with a password perhaps.
#[derive(Clone, derive_more::Debug, PartialEq, Eq)]
#[debug("ProxyUrl({self})")]
pub struct ProxyUrl(Arc<Url>);

/// What is no address of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a URL such as http://proxy.example:3128, https://… or socks5h://…")]
pub struct SettingsError;

const SCHEMES: [&str; 6] = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"];

impl FromStr for ProxyUrl {
    type Err = SettingsError;

    /// A bare `host:port` is a proxy that is spoken to by HTTP, as everywhere.
    fn from_str(text: &str) -> Result<Self, SettingsError> {
        let text = text.trim();
        let whole = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let url = Url::parse(&whole).map_err(|_| SettingsError)?;
        let is_one =
            SCHEMES.contains(&url.scheme()) && url.host_str().is_some_and(|h| !h.is_empty());
        is_one.then(|| Self(Arc::new(url))).ok_or(SettingsError)
    }
}

impl ProxyUrl {
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Its host.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// Whether it is spoken to by SOCKS.
    pub fn is_socks(&self) -> bool {
        self.0.scheme().starts_with("socks")
    }

    /// Its address as another program takes it, without name and password.
    pub fn address(&self) -> String {
        format!("{}://{self}", self.0.scheme())
    }
}

/// Host and port, for messages; never its password.
impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = if self.is_socks() { 1080 } else { 80 };
        let port = self.0.port_or_known_default().unwrap_or(default);
        write!(f, "{}:{port}", self.host())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_beside_the_daemon_read_the_same_file() {
        let text = "[profiles.lake]\nrole_arn = 'x'\n[network]\nca_bundle = ['/a.pem']\n\
                    proxy = 'proxy.example:3128'\nno_proxy = ['.a', '.b']\n";
        let settings = Settings::from_toml(text).unwrap();
        assert_eq!(settings.ca_bundle, [PathBuf::from("/a.pem")]);
        assert_eq!(settings.proxy.unwrap().unwrap().host(), "proxy.example");
        assert_eq!(settings.no_proxy.unwrap(), ".a,.b");
        assert_eq!(
            Settings::from_toml("[network]\nproxy = ''\n")
                .unwrap()
                .proxy,
            Some(None)
        );
        assert!(Settings::from_toml("not toml [").is_err());
    }

    #[test]
    fn addresses_of_proxies_are_told_from_others() {
        for (text, shown) in [
            ("proxy.example:3128", "proxy.example:3128"),
            ("http://u:p@proxy.example", "proxy.example:80"),
            ("https://proxy.example/", "proxy.example:443"),
            ("socks5h://127.0.0.1", "127.0.0.1:1080"),
            ("http://[::1]:3128", "[::1]:3128"),
        ] {
            let proxy: ProxyUrl = text.parse().unwrap();
            assert_eq!(proxy.to_string(), shown);
            assert!(!format!("{proxy:?}").contains("p@"), "{proxy:?}");
        }
        for text in [
            "",
            "ftp://proxy",
            "http://",
            "socks://x:1",
            "http://a b",
            "file:///x",
        ] {
            assert_eq!(text.parse::<ProxyUrl>(), Err(SettingsError), "{text}");
        }
    }
}
