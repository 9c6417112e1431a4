//! `/v1/packages`: listing, versions, deletion.

use std::fmt::Write;

use axum::response::Response;
use quilt_proto::api::{DeletePackage, Endpoint, ListPackages, ReadPackageVersions};
use quilt_proto::wire::{DeletedPackage, PackageVersion};

use crate::api::endpoint::Call;
use crate::api::error::ApiError;
use crate::api::listing;
use crate::package::Registry;
use crate::session::Session;

/// The registry of that URL, with the session's credentials where it needs any.
fn open<E: Endpoint>(
    call: &Call<E>,
    url: Option<&str>,
    layout: Option<u8>,
) -> Result<Registry, ApiError> {
    let session = || {
        let session = call.app.session(call.catalog.as_deref())?;
        call.subject.resolved(Session::catalog(&session));
        Ok(session)
    };
    Ok(call.app.packages.open(url, layout, session)?)
}

/// Answers once the first names are there, and goes on while they come.
pub(in crate::api) async fn list(call: Call<ListPackages>) -> Result<Response, ApiError> {
    let registry = open(&call, call.query.registry.as_deref(), call.query.layout)?;
    Ok(listing::answer(registry.names(), call.headers()).await?)
}

pub(in crate::api) async fn versions(
    call: Call<ReadPackageVersions>,
) -> Result<Vec<PackageVersion>, ApiError> {
    let registry = open(&call, call.query.registry.as_deref(), call.query.layout)?;
    Ok(registry.versions(&call.path).await?)
}

pub(in crate::api) async fn delete(call: Call<DeletePackage>) -> Result<DeletedPackage, ApiError> {
    let top_hash = call.query.top_hash.as_ref();
    let registry = open(&call, call.query.registry.as_deref(), call.query.layout)?;
    let mut line = format!("DELETE {} {}", registry.url(), call.path);
    if let Some(top_hash) = top_hash {
        // Writing to a String cannot fail.
        let _ = write!(line, " {top_hash}");
    }
    call.subject.request(line);
    let _alone = call.app.packages.lock(&registry, &call.path).await;
    Ok(registry.delete(&call.path, top_hash).await?)
}
