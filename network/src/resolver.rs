//! Names to addresses, by the system, with an error that tells which name it
//! was.

use std::net::ToSocketAddrs;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// No address is known for a name.
#[derive(Debug, thiserror::Error)]
#[error("{host} has no address: {source}")]
pub(crate) struct NameError {
    pub(crate) host: String,
    #[source]
    source: std::io::Error,
}

/// The system's resolver, whatever it asks.
#[derive(Debug)]
pub(crate) struct System;

impl Resolve for System {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let asked = host.clone();
            // The port is set by whoever connects.
            let resolved = tokio::task::spawn_blocking(move || (asked, 0).to_socket_addrs()).await;
            match resolved.map_err(std::io::Error::other).and_then(|it| it) {
                Ok(addresses) => Ok(Box::new(addresses) as Addrs),
                Err(source) => Err(NameError { host, source }.into()),
            }
        })
    }
}
