//! `api-keys list`.

use quilt_proto::api::ListApiKeys;
use quilt_proto::wire::{ApiKeyFilter, ApiKeyStatus};

use super::{parse_status, view};
use crate::context::Context;
use crate::exit::Failure;
use crate::output;

/// Which keys.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only keys of this name
    #[arg(long, add = crate::completion::key_names())]
    name: Option<String>,

    /// Only keys of this fingerprint, such as qk_abc...xyz
    #[arg(long)]
    fingerprint: Option<String>,

    /// Only ACTIVE or only EXPIRED keys
    #[arg(long, value_parser = parse_status)]
    status: Option<ApiKeyStatus>,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let call = ListApiKeys(ApiKeyFilter {
        email: None,
        name: args.name.clone(),
        fingerprint: args.fingerprint.clone(),
        status: args.status,
    });
    let reply = context.reply(&call)?;
    let keys = reply.answer()?;
    let look = context.look();
    if context.global().json {
        output::json(reply.body())?;
    } else {
        let is_narrowed =
            args.name.is_some() || args.fingerprint.is_some() || args.status.is_some();
        let (none, next) = if is_narrowed {
            ("You have no such API keys.", "quiltctl api-keys list")
        } else {
            ("You have no API keys.", "quiltctl api-keys create NAME")
        };
        view::screen(&look, &keys, view::Whose::Own, none).print(&look)?;
        if keys.is_empty() {
            output::next(&[(next.into(), "")]);
        }
    }
    view::note_twins(&look, &keys);
    Ok(())
}
