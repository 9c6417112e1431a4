//! The one request, and what counts as its answer.

use std::env;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use quilt_client::Error;
use quilt_client::blocking::{Client, RawAnswer};
use quilt_proto::api::ReadCredentials;
use quilt_proto::{ProfileName, locations};
use serde::de::IgnoredAny;

use crate::Arguments;

/// The whole run, starting the daemon included, stays below the 4 s promised.
pub const TIMEOUT: Duration = Duration::from_millis(3700);

/// Asks the daemon once; nothing where not even the question is clear, which
/// `quiltctl` has the words for.
pub fn ask(args: Arguments) -> Option<Result<RawAnswer, Error>> {
    let socket = match args.socket {
        Some(path) => std::path::absolute(path).ok()?,
        None => locations::socket().ok()?,
    };
    let client = client(socket, named_catalog(args.catalog).ok()?);
    let client = client.with_deadline(Instant::now() + TIMEOUT);
    let profile = args.profile.unwrap_or_else(ProfileName::default_profile);
    Some(client.raw(&ReadCredentials(profile.into())))
}

/// A client of a daemon that asks about this catalog, or about the default one.
pub fn client(socket: PathBuf, catalog: Option<String>) -> Client {
    let client = Client::new(socket);
    match catalog {
        Some(catalog) => client.with_catalog(catalog),
        None => client,
    }
}

/// The catalog that is named, by flag or environment; an empty name is none. Else,
/// why what names one is no name.
pub fn named_catalog(flag: Option<String>) -> Result<Option<String>, &'static str> {
    let named = match (flag, env::var_os(locations::CATALOG_ENV)) {
        (Some(flag), _) => flag,
        (None, Some(variable)) => variable.into_string().map_err(|_| "is not text")?,
        (None, None) => return Ok(None),
    };
    if !named.is_empty() && named.trim().is_empty() {
        return Err("is nothing but white space");
    }
    Ok(Some(named).filter(|named| !named.is_empty()))
}

/// Whether the body of an answer can be the document that SDKs read.
pub fn is_document(body: &[u8]) -> bool {
    body.first() == Some(&b'{') && serde_json::from_slice::<IgnoredAny>(body).is_ok()
}
