//! Whom a proxy is not asked for: `NO_PROXY`, as the programs that people have
//! set it for read it. Names with and without a dot before them, `*`, addresses,
//! blocks of them; and, as in Go and in Python's requests, which quilt3 uses, a
//! port, or `*.` before a name.

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

/// Hosts, each for every port or for one.
pub(crate) struct NoProxy {
    all_ports: Matcher,
    one_port: Vec<(u16, Matcher)>,
}

impl NoProxy {
    pub(crate) fn parse(text: &str) -> Self {
        let (mut hosts, mut one_port) = (Vec::new(), Vec::new());
        for entry in text.split(',').map(str::trim) {
            let entry = entry.strip_prefix("*.").unwrap_or(entry);
            match with_port(entry) {
                Some((host, port)) => one_port.push((port, matcher(host))),
                None => hosts.push(entry),
            }
        }
        Self {
            all_ports: matcher(&hosts.join(",")),
            one_port,
        }
    }

    /// Whether they have it.
    pub(crate) fn contain(&self, url: &Url) -> bool {
        let Ok(uri) = url.as_str().parse::<Uri>() else {
            return false;
        };
        let is_in = |matcher: &Matcher| matcher.intercept(&uri).is_none();
        let port = url.port_or_known_default();
        let mut one_port = self.one_port.iter();
        is_in(&self.all_ports) || one_port.any(|(of, matcher)| port == Some(*of) && is_in(matcher))
    }
}

/// A host and its port; an IPv6 address has colons of its own.
fn with_port(entry: &str) -> Option<(&str, u16)> {
    let (host, port) = entry.rsplit_once(':')?;
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let is_host = bare.is_some() || !host.contains(':');
    let port = port.parse().ok()?;
    (is_host && !host.is_empty()).then(|| (bare.unwrap_or(host), port))
}

/// Asks a proxy for all but these.
fn matcher(exceptions: &str) -> Matcher {
    let matcher = Matcher::builder().all("http://proxy.invalid");
    matcher.no(exceptions).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_that_others_read_counts() {
        for (exceptions, url, is_in) in [
            ("stack.example", "https://stack.example/", true),
            ("STACK.example", "https://a.stack.example/", true),
            (".example", "https://a.stack.example/", true),
            ("*.example", "https://a.stack.example/", true),
            ("*.example", "https://example.org/", false),
            ("*", "https://stack.example/", true),
            (" a , stack.example ", "https://stack.example/", true),
            ("stack.example:443", "https://stack.example/", true),
            ("stack.example:443", "https://stack.example:8443/", false),
            ("x,*.example:8443", "https://stack.example:8443/", true),
            ("stack.example:8443", "https://stack.example/", false),
            ("10.0.0.0/8", "https://10.1.2.3/", true),
            ("10.1.2.3:443", "https://10.1.2.3/", true),
            ("10.1.2.3:443", "http://10.1.2.3/", false),
            ("fd00::/8", "https://[fd00::1]/", true),
            ("fd00::1", "https://[fd00::1]/", true),
            ("[fd00::1]:443", "https://[fd00::1]/", true),
            ("[fd00::1]:443", "https://[fd00::1]:1/", false),
            ("", "https://stack.example/", false),
            (":443", "https://stack.example/", false),
        ] {
            let found = NoProxy::parse(exceptions).contain(&url.parse().unwrap());
            assert_eq!(found, is_in, "{exceptions} {url}");
        }
    }
}
