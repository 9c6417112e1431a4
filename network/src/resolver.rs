//! Names to addresses, by the system, with an error that tells which name it
//! was.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

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

/// For names of this machine: they are nobody else's, whatever a name server
/// says (RFC 6761, section 6.3), because what goes there goes in the clear.
#[derive(Debug)]
pub(crate) struct Loopback;

impl Resolve for Loopback {
    fn resolve(&self, _name: Name) -> Resolving {
        let here: [SocketAddr; 2] = [
            (Ipv4Addr::LOCALHOST, 0).into(),
            (Ipv6Addr::LOCALHOST, 0).into(),
        ];
        Box::pin(async move { Ok(Box::new(here.into_iter()) as Addrs) })
    }
}
