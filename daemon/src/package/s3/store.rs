//! S3 as a store: pages of listings, and small objects.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::list::{PaginatedListOptions, PaginatedListResult, PaginatedListStore};
use object_store::path::Path;
use object_store::{BackoffConfig, ListResult, ObjectStoreExt, RetryConfig};
use parking_lot::Mutex;

use quilt_proto::aws::Region;

use super::endpoint::DEFAULT_REGION;
use super::error_mapping::Operation;
use super::http::Transport;
use super::{Connections, Vended};
use crate::package::StoreError;
use crate::package::store::{Batches, Entry, MAX_POINTER, Modified, NO_POINTER, Store};

/// Keys asked for in the first pages of a listing, so that it starts soon;
/// then S3's most.
const FIRST_PAGES: [usize; 2] = [10, 250];
const PAGE: usize = 1000;

/// The most pages of a listing, for two million names: no registry has as many
/// packages.
const MOST_PAGES: usize = 2000;

/// A folder of a bucket. Cheap to clone.
#[derive(Clone)]
pub(in crate::package) struct S3Store(Arc<Inner>);

struct Inner {
    connections: Arc<Connections>,
    credentials: Arc<Vended>,
    bucket: String,
    folder: String,
    located: Mutex<Located>,
}

/// A client for the region a bucket is believed to be in.
#[derive(Clone)]
struct Located {
    region: String,
    client: Arc<AmazonS3>,
}

impl S3Store {
    /// `region` is where to ask first.
    pub(in crate::package) fn new(
        connections: &Arc<Connections>,
        bucket: String,
        folder: String,
        region: Option<String>,
        credentials: Vended,
    ) -> Result<Self, StoreError> {
        let region = connections
            .regions
            .get(&bucket)
            .or(region)
            .unwrap_or_else(|| DEFAULT_REGION.to_owned());
        let credentials = Arc::new(credentials);
        let located = locate(connections, &credentials, &bucket, region)?;
        Ok(Self(Arc::new(Inner {
            connections: Arc::clone(connections),
            credentials,
            bucket,
            folder,
            located: Mutex::new(located),
        })))
    }

    /// A key as the bucket has it.
    fn key(&self, key: &str) -> String {
        match self.0.folder.as_str() {
            "" => key.to_owned(),
            folder => format!("{folder}/{key}"),
        }
    }

    fn path(&self, key: &str) -> Result<Path, StoreError> {
        Path::parse(self.key(key))
            .map_err(|_| StoreError::invalid(key, "such an object cannot be asked for"))
    }

    /// Pages of what begins like `prefix`, up to the next slash if `shallow`.
    fn pages(
        &self,
        prefix: &str,
        shallow: bool,
    ) -> BoxStream<'static, Result<ListResult, StoreError>> {
        let prefix: Arc<str> = self.key(prefix).into();
        let begin = (self.clone(), Some(None::<String>), 0);
        stream::try_unfold(begin, move |(store, token, page)| {
            let prefix = Arc::clone(&prefix);
            async move {
                let Some(token) = token else { return Ok(None) };
                let options = PaginatedListOptions {
                    delimiter: shallow.then_some(Cow::Borrowed("/")),
                    max_keys: Some(FIRST_PAGES.get(page).copied().unwrap_or(PAGE)),
                    page_token: token.clone(),
                    ..PaginatedListOptions::default()
                };
                let listed = store.page(&prefix, options).await?;
                let next = listed.page_token;
                if next.is_some() && (page >= MOST_PAGES || next == token) {
                    return Err(StoreError::Garbled {
                        place: format!("bucket '{}'", store.0.bucket),
                        reason: "what it lists has no end".to_owned(),
                    });
                }
                let next = next.map(Some);
                Ok(Some((listed.result, (store, next, page + 1))))
            }
        })
        .boxed()
    }

    async fn page(
        &self,
        prefix: &Arc<str>,
        options: PaginatedListOptions,
    ) -> Result<PaginatedListResult, StoreError> {
        self.ask(|client| {
            let (prefix, options) = (Arc::clone(prefix), options.clone());
            async move { client.list_paginated(Some(&prefix), options).await }
        })
        .await
    }

    /// Asks S3, once more with fresh credentials if it does not accept the
    /// ones it got, and once more where the bucket really is.
    async fn ask<T, F>(&self, request: impl Fn(Arc<AmazonS3>) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = object_store::Result<T>>,
    {
        let (mut renewed, mut moved) = (false, false);
        loop {
            let Located { region, client } = self.located();
            let error = match request(client).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let asked = Operation {
                bucket: &self.0.bucket,
                region: &region,
            };
            match asked.failed(&error) {
                StoreError::Stale { .. } if !renewed => {
                    renewed = true;
                    self.0.credentials.renew().await?;
                }
                StoreError::WrongRegion { told, .. } if !moved => {
                    moved = true;
                    self.follow(&region, told).await?;
                }
                failed => return Err(failed),
            }
        }
    }

    fn located(&self) -> Located {
        self.0.located.lock().clone()
    }

    /// Goes where the bucket is.
    async fn follow(&self, asked: &str, told: Option<Region>) -> Result<(), StoreError> {
        let inner = &self.0;
        let region = match told
            .map(|told| told.to_string())
            .filter(|told| told != asked)
        {
            Some(region) => region,
            None => inner.connections.locate(&inner.bucket, asked).await?,
        };
        tracing::debug!(bucket = inner.bucket, region, "a bucket in another region");
        let located = locate(
            &inner.connections,
            &inner.credentials,
            &inner.bucket,
            region,
        )?;
        inner
            .connections
            .regions
            .insert(&inner.bucket, &located.region);
        *inner.located.lock() = located;
        Ok(())
    }
}

fn locate(
    connections: &Connections,
    credentials: &Arc<Vended>,
    bucket: &str,
    region: String,
) -> Result<Located, StoreError> {
    let (origin, has_bucket) = connections.endpoint.origin(bucket, &region);
    let transport = Transport(Arc::clone(&connections.clients));
    let built = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(&region)
        .with_endpoint(origin)
        .with_virtual_hosted_style_request(has_bucket)
        .with_allow_http(true)
        .with_credentials(Arc::clone(credentials) as _)
        .with_http_connector(transport)
        .with_disable_bulk_delete(true)
        .with_retry(RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(100),
                max_backoff: Duration::from_secs(2),
                base: 2.,
            },
            max_retries: 3,
            retry_timeout: Duration::from_secs(30),
        })
        .build();
    let client = built.map_err(|_| {
        let place = format!("bucket '{bucket}'");
        StoreError::invalid(place, "S3 cannot be asked for it")
    })?;
    Ok(Located {
        region,
        client: Arc::new(client),
    })
}

#[async_trait]
impl Store for S3Store {
    fn list(&self, folder: &str, start: &str) -> Batches<Entry> {
        let whole = self.key(folder);
        let entry = |path: &Path, folder| {
            let name = path.filename()?.to_owned();
            Some(Entry { name, folder })
        };
        self.pages(&format!("{folder}/{start}"), true)
            .map_ok(move |page| {
                let folders = page
                    .common_prefixes
                    .iter()
                    .filter_map(|path| entry(path, true));
                let objects = page.objects.iter().map(|object| &object.location);
                // An object that stands for the folder itself is not in it.
                let objects = objects.filter(|path| path.as_ref() != whole);
                folders
                    .chain(objects.filter_map(|path| entry(path, false)))
                    .collect()
            })
            .boxed()
    }

    fn dated(&self, folder: &str, file: &'static str) -> Batches<(String, Modified)> {
        let whole = self.key(folder);
        self.pages(&format!("{folder}/"), false)
            .map_ok(move |page| {
                let dated = page.objects.iter().filter_map(|object| {
                    let rest = object
                        .location
                        .as_ref()
                        .strip_prefix(&whole)?
                        .strip_prefix('/')?;
                    let (name, found) = rest.split_once('/')?;
                    let modified = object.last_modified.timestamp_micros();
                    (found == file).then(|| (name.to_owned(), modified))
                });
                dated.collect()
            })
            .boxed()
    }

    fn below(&self, folder: &str) -> Batches<String> {
        let root = self.key("");
        let below = format!("{folder}/");
        let pages = self.pages(&below, false);
        pages
            .map_ok(move |page| {
                let keys = page.objects.iter().map(|object| object.location.as_ref());
                let keys = keys.filter_map(|key| key.strip_prefix(&root));
                // What was not asked for is no part of it, whatever S3 lists.
                let keys = keys.filter(|key| key.starts_with(&below));
                keys.map(str::to_owned).collect()
            })
            .boxed()
    }

    async fn has(&self, folder: &str) -> Result<bool, StoreError> {
        // The first keys may be none that has a name here.
        let mut pages = self.pages(&format!("{folder}/"), false);
        while let Some(page) = pages.try_next().await? {
            if !page.objects.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn read(&self, key: &str) -> Result<Bytes, StoreError> {
        let path = self.path(key)?;
        let content = self.ask(|client| {
            let path = path.clone();
            async move {
                let found = client.get(&path).await?;
                if found.meta.size > MAX_POINTER {
                    return Ok(None);
                }
                let content = found.bytes().await?;
                Ok((content.len() as u64 <= MAX_POINTER).then_some(content))
            }
        });
        content
            .await?
            .ok_or_else(|| StoreError::invalid(key, NO_POINTER))
    }

    async fn write(&self, key: &str, content: Bytes) -> Result<(), StoreError> {
        let path = self.path(key)?;
        let written = self.ask(|client| {
            let (path, content) = (path.clone(), content.clone());
            async move { client.put(&path, content.into()).await }
        });
        written.await.map(drop)
    }

    async fn remove(&self, key: &str) -> Result<(), StoreError> {
        let path = self.path(key)?;
        let removed = self.ask(|client| {
            let path = path.clone();
            async move { client.delete(&path).await }
        });
        match removed.await {
            Err(StoreError::Missing(_)) => Ok(()),
            done => done,
        }
    }
}
