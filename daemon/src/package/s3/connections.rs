//! What all buckets share: the HTTP client, and where each was found.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quilt_network::{Clients, Failure, Network, Origin};
use url::Url;

use super::endpoint::Endpoint;
use super::refusal::told_region;
use crate::package::StoreError;

/// Until connected, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Without a byte of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// Until the last byte of an answer, which is a page of a listing at most.
const TOTAL_TIMEOUT: Duration = Duration::from_mins(1);

/// Buckets whose region is remembered.
const MAX_REGIONS: usize = 1000;

/// The way to S3. Nothing is connected, and no certificate read, before the
/// first request.
#[derive(Debug)]
pub(in crate::package) struct Connections {
    pub(super) endpoint: Endpoint,
    pub(super) clients: Arc<Clients>,
    regions: Mutex<HashMap<String, String>>,
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
            regions: Mutex::default(),
        }
    }

    fn regions(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.regions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a bucket was found earlier.
    pub(super) fn region(&self, bucket: &str) -> Option<String> {
        self.regions().get(bucket).cloned()
    }

    /// Remembers where a bucket is.
    pub(super) fn found(&self, bucket: &str, region: &str) {
        let mut regions = self.regions();
        if regions.len() >= MAX_REGIONS {
            regions.clear();
        }
        regions.insert(bucket.to_owned(), region.to_owned());
    }

    /// Asks S3 where a bucket is: it tells everyone, whether they may read it
    /// or not (HeadBucket).
    pub(super) async fn locate(&self, bucket: &str, asked: &str) -> Result<String, StoreError> {
        let url = self.endpoint.bucket_url(bucket, asked);
        let unreachable = |failure| StoreError::Unreachable {
            place: format!("bucket '{bucket}'"),
            origin: Some(Origin::parse(&url)),
            failure,
        };
        let parsed = Url::parse(&url).map_err(|_| unreachable(Failure::NameNotFound))?;
        let client = self.clients.of(&parsed).map_err(unreachable)?;
        let answer = client.head(parsed.clone()).send().await;
        let answer = answer.map_err(|error| unreachable(self.clients.failure(&parsed, &error)))?;
        match told_region(&answer).filter(|told| told.as_str() != asked) {
            Some(region) => Ok(region.to_string()),
            None => Err(StoreError::WrongRegion {
                bucket: bucket.to_owned(),
                asked: asked.to_owned(),
                told: None,
            }),
        }
    }
}
