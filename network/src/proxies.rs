//! Which proxy is asked for what.

use std::sync::Arc;

use quilt_proto::network_variables::{HTTPS_PROXY, PROXY_VARIABLES, variable};
use reqwest::{ClientBuilder, Proxy};
use url::Url;

use crate::no_proxy::NoProxy;
use crate::{Failure, ProxyUrl, Settings};

/// The proxies for both schemes, and whom they are not for.
pub(crate) struct Proxies {
    https: Option<ProxyUrl>,
    http: Option<ProxyUrl>,
    exceptions: NoProxy,
    /// The variable whose value is no address of a proxy.
    invalid: Option<&'static str>,
    /// Whether anybody said anything of proxies.
    is_set: bool,
}

impl Proxies {
    /// The settings go before the environment.
    pub(crate) fn new(settings: &Settings) -> Self {
        let [https, http, all, no] = PROXY_VARIABLES.map(|spellings| variable(&spellings));
        let exceptions = settings.no_proxy.clone().or(no.map(|(_, value)| value));
        let exceptions = NoProxy::parse(&exceptions.unwrap_or_default());
        if let Some(proxy) = &settings.proxy {
            return Self {
                https: proxy.clone(),
                http: proxy.clone(),
                exceptions,
                invalid: None,
                is_set: true,
            };
        }
        let is_set = https.is_some() || http.is_some() || all.is_some();
        let mut invalid = None;
        let mut parse = |found: Option<(&'static str, String)>| {
            let (name, value) = found?;
            let proxy = value.parse().ok();
            if proxy.is_none() {
                invalid = Some(name);
            }
            proxy
        };
        Self {
            https: parse(https.or_else(|| all.clone())),
            http: parse(http.or(all)),
            exceptions,
            invalid,
            is_set,
        }
    }

    /// Fails where nothing is asked at all: past a proxy that somebody misspelt is
    /// not where they wanted requests to go.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let invalid = |variable| Err(Failure::ProxySettings { variable });
        self.invalid.map_or(Ok(()), invalid)
    }

    pub(crate) fn apply(
        self: &Arc<Self>,
        builder: ClientBuilder,
    ) -> Result<ClientBuilder, Failure> {
        self.check()?;
        if !self.is_set && cfg!(target_os = "macos") {
            // The system's own settings.
            return Ok(builder);
        }
        for proxy in [&self.https, &self.http].into_iter().flatten() {
            // One that the client cannot use would be gone past below.
            Proxy::all(proxy.as_str()).map_err(|_| Failure::ProxySettings {
                variable: HTTPS_PROXY[0],
            })?;
        }
        let proxies = Arc::clone(self);
        let choose = move |url: &Url| proxies.choose(url).map(|proxy| proxy.as_str().to_owned());
        Ok(builder.no_proxy().proxy(Proxy::custom(choose)))
    }

    /// The proxy that is asked for a URL.
    pub(crate) fn of(&self, url: &Url) -> Result<Option<ProxyUrl>, Failure> {
        if quilt_proto::catalog::is_loopback(url) {
            return Ok(None);
        }
        self.check()?;
        Ok(self.choose(url).cloned())
    }

    fn choose(&self, url: &Url) -> Option<&ProxyUrl> {
        let proxy = match url.scheme() {
            "https" => &self.https,
            _ => &self.http,
        };
        proxy.as_ref().filter(|_| !self.exceptions.contain(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(proxy: &str, exceptions: &str, url: &str) -> Option<String> {
        let settings = Settings {
            proxy: Some(Some(proxy.parse().unwrap())),
            no_proxy: Some(exceptions.to_owned()),
            ..Settings::default()
        };
        let asked = Proxies::new(&settings).of(&url.parse().unwrap()).unwrap();
        asked.map(|proxy| proxy.to_string())
    }

    #[test]
    fn exceptions_and_loopback_are_not_asked_for() {
        let proxy = "http://u:p@proxy.example:3128";
        let shown = Some("proxy.example:3128".to_owned());
        assert_eq!(of(proxy, "", "https://stack.example/x"), shown);
        assert_eq!(of(proxy, ".corp.example", "https://stack.example/"), shown);
        for (exceptions, url) in [
            ("stack.example", "https://stack.example/"),
            (".example", "https://a.stack.example/"),
            ("10.0.0.0/8", "https://10.1.2.3/"),
            ("*", "https://stack.example/"),
            ("", "http://127.0.0.1:1/"),
            ("", "https://localhost/"),
        ] {
            assert_eq!(of(proxy, exceptions, url), None, "{exceptions} {url}");
        }
    }
}
