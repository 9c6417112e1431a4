//! What all buckets share: the HTTP client, and where each was found
//! (`bucket_region.rs`).

use std::sync::Arc;
use std::time::Duration;

use quilt_network::{Clients, Network};
use url::Url;

use super::bucket_region::BucketRegions;
use super::endpoint::Endpoint;

/// Until connected, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Without a byte of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// Until the last byte of an answer, which is a page of a listing at most.
const TOTAL_TIMEOUT: Duration = Duration::from_mins(1);

/// The way to S3. Nothing is connected, and no certificate read, before the
/// first request.
#[derive(Debug)]
pub(in crate::package) struct Connections {
    pub(super) endpoint: Endpoint,
    pub(super) clients: Arc<Clients>,
    pub(super) regions: BucketRegions,
}

impl Connections {
    /// To `endpoint`, where AWS's own is not meant.
    pub(in crate::package) fn new(network: &Arc<Network>, endpoint: Option<Url>) -> Self {
        let clients = Clients::new(network, |builder| {
            builder
                .connect_timeout(CONNECT_TIMEOUT)
                .read_timeout(READ_TIMEOUT)
                .timeout(TOTAL_TIMEOUT)
                .pool_idle_timeout(Duration::from_secs(30))
        });
        Self {
            endpoint: endpoint.map_or(Endpoint::Aws, Endpoint::Custom),
            clients: Arc::new(clients),
            regions: BucketRegions::default(),
        }
    }
}
