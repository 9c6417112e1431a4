//! Which proxy is asked for what.

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use quilt_proto::network::{PROXY_VARIABLES, variable};
use reqwest::{ClientBuilder, NoProxy, Proxy};
use url::Url;

use crate::{Failure, ProxyUrl, Settings};

/// The proxies for both schemes, and whom they are not for.
#[derive(Debug, Default)]
pub(crate) struct Proxies {
    https: Option<ProxyUrl>,
    http: Option<ProxyUrl>,
    exceptions: String,
    /// The variable whose value is no address of a proxy.
    invalid: Option<&'static str>,
    /// Whether anybody said anything of proxies.
    is_set: bool,
}

impl Proxies {
    /// The settings go before the environment.
    pub(crate) fn new(settings: &Settings) -> Self {
        let [https, http, all, no] = PROXY_VARIABLES.map(|spellings| variable(&spellings));
        let exceptions = settings.no_proxy.clone();
        let exceptions = exceptions
            .or(no.map(|(_, value)| value))
            .unwrap_or_default();
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

    /// Why nothing is asked at all: past a proxy that somebody misspelt is not
    /// where they wanted requests to go.
    pub(crate) fn invalid(&self) -> Option<Failure> {
        self.invalid
            .map(|variable| Failure::ProxySettings { variable })
    }

    pub(crate) fn apply(&self, builder: ClientBuilder) -> Result<ClientBuilder, Failure> {
        if let Some(failure) = self.invalid() {
            return Err(failure);
        }
        if !self.is_set && cfg!(target_os = "macos") {
            // The system's own settings.
            return Ok(builder);
        }
        let exceptions = NoProxy::from_string(&self.exceptions);
        let mut builder = builder.no_proxy();
        let made = [
            self.https
                .as_ref()
                .map(|proxy| Proxy::https(proxy.as_str())),
            self.http.as_ref().map(|proxy| Proxy::http(proxy.as_str())),
        ];
        for proxy in made.into_iter().flatten() {
            let proxy = proxy.map_err(|_| Failure::ProxySettings {
                variable: "HTTPS_PROXY",
            })?;
            builder = builder.proxy(proxy.no_proxy(exceptions.clone()));
        }
        Ok(builder)
    }

    /// The proxy that is asked for a URL.
    pub(crate) fn of(&self, url: &Url) -> Result<Option<ProxyUrl>, Failure> {
        if quilt_proto::catalog::is_loopback(url) {
            return Ok(None);
        }
        if let Some(failure) = self.invalid() {
            return Err(failure);
        }
        let proxy = if url.scheme() == "https" {
            &self.https
        } else {
            &self.http
        };
        let matcher = Matcher::builder()
            .all("http://proxy.invalid")
            .no(self.exceptions.as_str())
            .build();
        let uri: Option<Uri> = url.as_str().parse().ok();
        let is_asked = uri.is_some_and(|uri| matcher.intercept(&uri).is_some());
        Ok(proxy.clone().filter(|_| is_asked))
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
