//! Clients made when they are needed, and made again when settings change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use quilt_proto::catalog::is_loopback;
use reqwest::{Client, ClientBuilder, Request, Response};
use rustix::process::{Resource, getrlimit};
use url::Url;

use crate::{Failure, Network, is_plain};

/// Of so few descriptors, none is for a connection that idles.
const FEW: u64 = 4096;

/// Whether there are too few to keep any.
pub(crate) fn has_few_descriptors() -> bool {
    let most = getrlimit(Resource::Nofile).current;
    most.is_some_and(|most| most < FEW)
}

/// HTTP clients that are alike but for where they lead. Cheap to share.
#[derive(Debug)]
pub struct Clients {
    network: Arc<Network>,
    shape: fn(ClientBuilder) -> ClientBuilder,
    /// By whether they are for loopback, and for https; each with the version
    /// of the settings it was made for.
    made: Mutex<HashMap<(bool, bool), (u64, Client)>>,
}

impl Clients {
    /// `shape` says what is particular to them: how long they wait, above all.
    pub fn new(network: &Arc<Network>, shape: fn(ClientBuilder) -> ClientBuilder) -> Self {
        Self {
            network: Arc::clone(network),
            shape,
            made: Mutex::default(),
        }
    }

    /// The client for a URL; none for what can be read on the way to another
    /// machine.
    pub fn of(&self, url: &Url) -> Result<Client, Failure> {
        if is_plain(url) {
            return Err(Failure::PlainHttp);
        }
        let way = (is_loopback(url), url.scheme() == "https");
        let version = self.network.known().version;
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = made.get(&way).filter(|(of, _)| *of == version) {
            return Ok(client.clone());
        }
        let mut builder = (self.shape)(self.network.builder(url)?);
        if has_few_descriptors() {
            // Hosts can be any number, and each would keep some.
            builder = builder.pool_max_idle_per_host(0);
        }
        let client = builder.build().map_err(|_| Failure::NoTls)?;
        made.insert(way, (version, client.clone()));
        Ok(client)
    }

    /// Sends a request by one of these clients. Nothing else may: connections are
    /// served where the network says.
    pub async fn execute(
        &self,
        client: &Client,
        request: Request,
    ) -> Result<Response, reqwest::Error> {
        let url = request.url().clone();
        let answer = client.execute(request);
        match &self.network.threads {
            Some(threads) => threads.connect(&url, answer).await,
            None => answer.await,
        }
    }

    /// Why a request of such a client came to nothing.
    pub fn failure(&self, url: &Url, error: &reqwest::Error) -> Failure {
        self.network.failure(url, error)
    }

    /// Closes idle connections: their buffers hold what was last sent on them,
    /// bearer tokens included, for as long as they live.
    pub fn forget(&self) {
        self.made
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}
