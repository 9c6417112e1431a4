//! The one request, and what counts as its answer.

use std::env;
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
    let client = Client::new(socket).with_deadline(Instant::now() + TIMEOUT);
    let client = of_catalog(client, args.catalog)?;
    let profile = args.profile.unwrap_or_else(ProfileName::default_profile);
    Some(client.raw(&ReadCredentials(profile.into())))
}

/// The client of the catalog that is named, by flag or environment; nothing
/// where it is named by what is no name.
fn of_catalog(client: Client, flag: Option<String>) -> Option<Client> {
    let named = match (flag, env::var_os(locations::CATALOG_ENV)) {
        (Some(flag), _) => flag,
        (None, Some(variable)) => variable.into_string().ok()?,
        (None, None) => return Some(client),
    };
    if named.is_empty() {
        return Some(client);
    }
    let is_blank = named.trim().is_empty();
    (!is_blank).then(|| client.with_catalog(named))
}

/// Whether the body of an answer can be the document that SDKs read.
pub fn is_document(body: &[u8]) -> bool {
    body.first() == Some(&b'{') && serde_json::from_slice::<IgnoredAny>(body).is_ok()
}
