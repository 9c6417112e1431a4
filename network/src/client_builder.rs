//! What every client of HTTP has in common: its name, the way it goes, whom it
//! trusts, and that it follows no redirect.

use std::sync::Arc;

use quilt_proto::catalog::is_loopback;
use reqwest::{ClientBuilder, redirect};
use url::Url;

use super::{Failure, Network, certificates, resolver};

impl Network {
    /// Begins a client for `url` and whatever else is as near or far, and as
    /// secret, as that.
    pub(super) fn builder(&self, url: &Url) -> Result<ClientBuilder, Failure> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("quiltd/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .referer(false);
        let builder = if is_loopback(url) {
            builder
                .no_proxy()
                .dns_resolver(Arc::new(resolver::Loopback))
        } else {
            let builder = builder.dns_resolver(Arc::new(resolver::System));
            self.known().proxies.apply(builder)?
        };
        let tls = if is_loopback(url) && url.scheme() == "http" {
            // Certificates are not read for what needs none.
            certificates::none()?
        } else {
            self.known().tls().ok_or(Failure::NoTls)?.config.clone()
        };
        Ok(builder.tls_backend_preconfigured(tls))
    }
}
