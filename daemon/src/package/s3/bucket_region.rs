//! In which region a bucket is: as S3 says when it is asked elsewhere.

use std::collections::HashMap;

use http::Method;
use parking_lot::Mutex;
use quilt_network::{Failure, Origin};
use reqwest::Request;
use url::Url;

use super::connections::Connections;
use super::error_response::told_region;
use crate::package::StoreError;

/// Buckets whose region is remembered.
const MAX_REGIONS: usize = 1000;

/// Where buckets were found.
#[derive(Debug, Default)]
pub(super) struct BucketRegions(Mutex<HashMap<String, String>>);

impl BucketRegions {
    /// Where a bucket was found earlier.
    pub(super) fn get(&self, bucket: &str) -> Option<String> {
        let regions = self.0.lock();
        regions.get(bucket).cloned()
    }

    /// Remembers where a bucket is.
    pub(super) fn insert(&self, bucket: &str, region: &str) {
        let mut regions = self.0.lock();
        if regions.len() >= MAX_REGIONS {
            regions.clear();
        }
        regions.insert(bucket.to_owned(), region.to_owned());
    }
}

impl Connections {
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
        let request = Request::new(Method::HEAD, parsed.clone());
        let answer = self.clients.execute(&client, request).await;
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
