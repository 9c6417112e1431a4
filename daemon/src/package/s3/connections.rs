//! What all buckets share: the HTTP client, and where each was found.

use std::collections::HashMap;
use std::env;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

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
    client: OnceLock<reqwest::Client>,
    regions: Mutex<HashMap<String, String>>,
}

impl Connections {
    /// As the standard variables say: the endpoint's, and `AWS_CA_BUNDLE`.
    pub(in crate::package) fn from_env() -> Self {
        Self {
            endpoint: Endpoint::from_variables(|name| env::var(name).ok()),
            client: OnceLock::new(),
            regions: Mutex::default(),
        }
    }

    pub(super) fn client(&self) -> Result<reqwest::Client, StoreError> {
        if let Some(client) = self.client.get() {
            return Ok(client.clone());
        }
        let builder = reqwest::Client::builder()
            .user_agent(concat!("quiltd/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .timeout(TOTAL_TIMEOUT)
            .pool_idle_timeout(Duration::from_secs(30))
            .referer(false);
        let builder = match env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) {
            Some(path) => builder.tls_certs_only(ca_bundle(&path)?),
            None => builder,
        };
        let builder = if self.endpoint.is_loopback() {
            builder.no_proxy()
        } else {
            builder
        };
        let client = builder.build().map_err(|_| StoreError::Unreachable {
            place: "S3".to_owned(),
            reason: "cannot be asked: no TLS on this machine".to_owned(),
        })?;
        Ok(self.client.get_or_init(|| client).clone())
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
        let answer = self.client()?.head(url).send().await;
        let answer = answer.map_err(|_| StoreError::Unreachable {
            place: format!("bucket '{bucket}'"),
            reason: "cannot be reached".to_owned(),
        })?;
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

fn ca_bundle(path: &std::ffi::OsStr) -> Result<Vec<reqwest::Certificate>, StoreError> {
    let failed = |reason: String| StoreError::Io {
        action: "read AWS_CA_BUNDLE at",
        path: path.to_string_lossy().into_owned(),
        reason,
    };
    let pem = std::fs::read(path).map_err(|error| failed(error.kind().to_string()))?;
    reqwest::Certificate::from_pem_bundle(&pem)
        .map_err(|_| failed("it holds no certificates".to_owned()))
}
