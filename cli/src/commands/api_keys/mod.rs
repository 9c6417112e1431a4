//! `api-keys`: the user's own API keys.

mod create;
mod list;
mod lost_key_note;
pub(super) mod revoke;
mod rotate;
pub(super) mod view;

use quilt_proto::api::{Endpoint, ListApiKeys, ReadApiKey};
use quilt_proto::wire::{ApiKey, ApiKeyFilter, ApiKeyStatus};
use quilt_proto::{ApiKeyId, NameError};

use crate::context::Context;
use crate::exit::{self, Failure};

/// What to do about API keys.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List your API keys
    List(list::Args),
    /// Show one of your API keys
    Get {
        /// The key's name, or its id
        #[arg(value_name = "KEY", add = crate::completion::keys())]
        id: String,
    },
    /// Make an API key; its secret is shown this once
    Create(create::Args),
    /// Revoke an API key for good
    Revoke(revoke::Args),
    /// Replace an API key by a new one that works, then revoke it
    Rotate(rotate::Args),
}

pub(super) fn run(context: &Context, command: &Command) -> Result<(), Failure> {
    match command {
        Command::List(args) => list::run(context, args),
        Command::Get { id } => get(context, &ReadApiKey(own_key(context, id)?)),
        Command::Create(args) => create::run(context, args),
        Command::Revoke(args) => revoke::run(context, args),
        Command::Rotate(args) => rotate::run(context, args),
    }
}

/// Shows the key that is asked for.
pub(super) fn get<E: Endpoint<Answer = ApiKey>>(
    context: &Context,
    request: &E,
) -> Result<(), Failure> {
    context.show(request, |look, key| {
        view::note_end(key);
        view::details(look, key)
    })
}

/// An id given on the command line.
pub(super) fn parse_id(text: &str) -> Result<ApiKeyId, Failure> {
    text.parse()
        .map_err(|error| Failure::new(exit::INPUT, error).hint("quiltctl api-keys list"))
}

/// The user's key that is meant by its name or its id.
fn own_key(context: &Context, typed: &str) -> Result<ApiKeyId, Failure> {
    let list = |filter| context.send(&ListApiKeys(filter));
    key_named(typed, list, "quiltctl api-keys list")
}

/// The key that is meant. A name means the one key of that name that works, or
/// that does not where none does; whatever none is called is an id.
pub(super) fn key_named(
    typed: &str,
    list: impl FnOnce(ApiKeyFilter) -> Result<Vec<ApiKey>, Failure>,
    show: &'static str,
) -> Result<ApiKeyId, Failure> {
    let id = typed.parse::<ApiKeyId>();
    let is_secret = matches!(id, Err(NameError::ApiKeyIdIsSecret));
    if is_secret || id.as_ref().is_ok_and(is_uuid) {
        return parse_id(typed);
    }
    let mut keys = list(ApiKeyFilter {
        name: Some(typed.to_owned()),
        ..ApiKeyFilter::default()
    })?;
    if keys.iter().any(|key| key.status == ApiKeyStatus::Active) {
        keys.retain(|key| key.status == ApiKeyStatus::Active);
    }
    match &keys[..] {
        [key] => parse_id(&key.id),
        [] => parse_id(typed),
        _ => {
            let what = format!("{} keys have this name; give an id", keys.len());
            Err(Failure::new(exit::INPUT, what).hint(show))
        }
    }
}

/// Whether this is an id as stacks make them.
fn is_uuid(id: &ApiKeyId) -> bool {
    let id = id.to_string();
    let is_there = |at: usize| [8, 13, 18, 23].contains(&at);
    let fits =
        |(at, c): (usize, char)| (c == '-') == is_there(at) && (c == '-' || c.is_ascii_hexdigit());
    id.len() == 36 && id.chars().enumerate().all(fits)
}

/// `--status`, in any case.
pub(super) fn parse_status(text: &str) -> Result<ApiKeyStatus, &'static str> {
    match text.to_ascii_uppercase().as_str() {
        "ACTIVE" => Ok(ApiKeyStatus::Active),
        "EXPIRED" => Ok(ApiKeyStatus::Expired),
        _ => Err("ACTIVE or EXPIRED"),
    }
}
