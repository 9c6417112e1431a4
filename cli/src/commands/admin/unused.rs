//! `admin api-keys unused`: the guide's audit.

use quilt_proto::wire::{ApiKey, ApiKeyStatus};
use quilt_proto::{Timestamp, time};

use super::api_keys::all;
use crate::commands::api_keys::view;
use crate::context::Context;
use crate::exit::Failure;
use crate::output;

/// Since when.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Not used for this many days
    #[arg(long, value_name = "N", default_value_t = 90)]
    days: u32,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let keys = all(context, Some(ApiKeyStatus::Active))?;
    let threshold = Timestamp::now().plus_seconds(-i64::from(args.days) * time::DAY);
    let unused: Vec<ApiKey> = keys
        .into_iter()
        .filter(|key| key.last_used_at.is_none_or(|used| used < threshold))
        .collect();
    if context.global().json {
        return output::computed(&unused);
    }
    let look = context.look();
    let none = "Every active key has been used lately.";
    view::screen(&look, &unused, view::Whose::Anybodys, none).print(&look)?;
    output::note(format_args!("Found {} unused keys", unused.len()));
    Ok(())
}
