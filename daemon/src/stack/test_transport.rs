//! What carries requests in place of the network, in tests.

use std::sync::Arc;

use async_trait::async_trait;
use quilt_network::{Clients, Failure};
use reqwest::{Client, Request, Response};
use url::Url;

/// Carries requests.
#[async_trait]
pub(crate) trait Wire: Send + Sync {
    /// The answer to a request, whose body may still break off.
    async fn carry(&self, request: Request) -> Result<Response, Failure>;
}

/// Something to build requests with that are carried by a wire.
pub(super) fn unused_client() -> Client {
    thread_local! {
        static CLIENT: Client = {
            let clients = Clients::new(&Arc::default(), |builder| builder);
            let loopback = Url::parse("http://127.0.0.1").unwrap();
            clients.of(&loopback).unwrap()
        };
    }
    CLIENT.with(Client::clone)
}
