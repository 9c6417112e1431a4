//! `api-keys`: the user's own API keys.

mod create;
mod list;
pub(super) mod revoke;
mod rotate;
pub(super) mod view;

use quilt_proto::ApiKeyId;
use quilt_proto::api::{Endpoint, ReadApiKey};
use quilt_proto::wire::{ApiKey, ApiKeyStatus};

use crate::context::Context;
use crate::exit::{self, Failure};

/// What to do about API keys.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List your API keys
    List(list::Args),
    /// Show one of your API keys
    Get {
        /// The key's id
        #[arg(add = crate::completion::keys())]
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
        Command::Get { id } => get(context, &ReadApiKey(parse_id(id)?)),
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

/// `--status`, in any case.
pub(super) fn parse_status(text: &str) -> Result<ApiKeyStatus, &'static str> {
    match text.to_ascii_uppercase().as_str() {
        "ACTIVE" => Ok(ApiKeyStatus::Active),
        "EXPIRED" => Ok(ApiKeyStatus::Expired),
        _ => Err("ACTIVE or EXPIRED"),
    }
}
