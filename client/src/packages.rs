//! Packages, and their names as they are found.

use std::fmt;
use std::future::poll_fn;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use quilt_proto::api::{
    DeletePackage, DeletePackageQuery, ListPackages, ReadPackageVersions, RegistryQuery, RunSearch,
};
use quilt_proto::wire::{DeletedPackage, NDJSON, PackageVersion, Search, SearchQuery};
use quilt_proto::{PackageName, TopHash};

use crate::client::{Client, Exchange, collect, fault};
use crate::error::Fault;
use crate::lines::Lines;
use crate::{Error, answer};

impl Client {
    /// The names of all packages of a registry (`s3://…`, `file://…`, or the
    /// configured local one), as they are found. The time limit covers the
    /// first of them; after that the listing lasts as long as it lasts.
    pub async fn packages(&self, registry: Option<&str>) -> Result<PackageNames, Error> {
        let request = ListPackages(RegistryQuery {
            registry: registry.map(str::to_owned),
            layout: None,
        });
        let begin = async {
            let exchange = self.begin(&request, NDJSON).await?;
            if exchange.status == 200 {
                return Ok(Ok(exchange));
            }
            Ok(Err((exchange.status, collect(exchange).await?)))
        };
        match self.limited(begin).await? {
            Ok(exchange) => Ok(PackageNames {
                exchange: Some(exchange),
                lines: Lines::default(),
                socket: self.socket().into(),
            }),
            Err((status, body)) => {
                answer::check(status, &body)?;
                Err(Error::InvalidAnswer("no stream of names"))
            }
        }
    }

    /// The versions of a package: `latest` first, then the newest.
    pub async fn package_versions(
        &self,
        name: &PackageName,
        registry: Option<&str>,
    ) -> Result<Vec<PackageVersion>, Error> {
        let registry = registry.map(str::to_owned);
        self.send(&ReadPackageVersions {
            path: name.clone(),
            query: RegistryQuery {
                registry,
                layout: None,
            },
        })
        .await
    }

    /// Deletes a package, or the one version whose hash is or begins like
    /// `top_hash`. Data is never deleted.
    pub async fn delete_package(
        &self,
        name: &PackageName,
        registry: Option<&str>,
        top_hash: Option<&TopHash>,
    ) -> Result<DeletedPackage, Error> {
        self.send(&DeletePackage {
            path: name.clone(),
            query: DeletePackageQuery {
                registry: registry.map(str::to_owned),
                layout: None,
                top_hash: top_hash.cloned(),
            },
        })
        .await
    }

    /// Searches; answers with the hits as the search service gives them.
    pub async fn search(
        &self,
        query: SearchQuery,
        limit: Option<u32>,
    ) -> Result<Vec<serde_json::Value>, Error> {
        self.send(&RunSearch(Search { query, limit })).await
    }
}

/// Names of packages, as they are found. Dropping it ends the listing.
pub struct PackageNames {
    exchange: Option<Exchange>,
    lines: Lines,
    socket: Arc<Path>,
}

impl fmt::Debug for PackageNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackageNames")
            .field("lines", &self.lines)
            .finish_non_exhaustive()
    }
}

impl PackageNames {
    /// Waits for the next name; `None` when there are no more. After an error
    /// nothing follows.
    pub async fn next(&mut self) -> Option<Result<String, Error>> {
        loop {
            if let Some(line) = self.lines.next() {
                if line.is_err() {
                    self.exchange = None;
                }
                return Some(line);
            }
            let outcome = match self.exchange.as_mut()?.data().await {
                Some(Ok(bytes)) => self.lines.push(&bytes),
                Some(Err(error)) => Err(fault(error)),
                None if self.lines.is_cut_short() => Err(Fault::Invalid("a line cut short")),
                None => return None,
            };
            if let Err(fault) = outcome {
                self.exchange = None;
                return Some(Err(fault.into_error(&self.socket, Duration::ZERO)));
            }
        }
    }
}

impl Exchange {
    /// The next bytes of the body. The connection does the work while this
    /// waits.
    pub(crate) async fn data(&mut self) -> Option<Result<Bytes, hyper::Error>> {
        loop {
            let frame = poll_fn(|context| {
                if let Some(connection) = &mut self.connection
                    && connection.as_mut().poll(context).is_ready()
                {
                    self.connection = None;
                }
                Pin::<&mut Incoming>::new(&mut self.body).poll_frame(context)
            });
            match frame.await? {
                Ok(frame) => {
                    if let Ok(data) = frame.into_data() {
                        return Some(Ok(data));
                    }
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
