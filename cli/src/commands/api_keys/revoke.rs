//! `api-keys revoke`.

use quilt_proto::api::{RevokeApiKey, RevokeApiKeySecret};
use quilt_proto::wire::ApiKeyRevocation;

use super::parse_id;
use crate::context::Context;
use crate::exit::Failure;
use crate::{key_source, output};

/// Which key.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The key's id
    #[arg(
        required_unless_present = "secret_stdin",
        conflicts_with = "secret_stdin",
        add = crate::completion::keys()
    )]
    id: Option<String>,

    /// Revoke the key whose secret is given: typed at a hidden prompt, or on stdin
    #[arg(long)]
    secret_stdin: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let done = |()| {
        output::note("Revoked.");
        Ok(())
    };
    if let Some(id) = &args.id {
        return context.print(&RevokeApiKey(parse_id(id)?), done);
    }
    let secret = key_source::prompted()?.secret().clone();
    context.print(&RevokeApiKeySecret(ApiKeyRevocation { secret }), done)
}
