//! `api-keys rotate`.

use quilt_proto::ApiKeyId;
use quilt_proto::call::{KeyScope, RevokeApiKey, RotateApiKey};
use quilt_proto::wire::ApiKeyRotation;

use super::{create, parse_id};
use crate::context::Context;
use crate::exit::{self, Failure};
use crate::output;

/// Which key.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The id of the key to replace
    #[arg(required_unless_present = "current", conflicts_with = "current")]
    id: Option<String>,

    /// Replace the key in use
    #[arg(long)]
    current: bool,

    /// The new key's lifetime [default: the old key's]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    expires_in_days: Option<i64>,

    /// Use the new key at once, also where the old one was not in use
    #[arg(long = "use")]
    use_it: bool,
}

/// The daemon makes a successor, tries it and uses it; the old key is revoked
/// only after the new secret is out, so that whoever is interrupted, somebody
/// has a key that works.
pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let id = args.id.as_deref().map(parse_id).transpose()?;
    if let Some(days) = args.expires_in_days {
        create::check_days(days)?;
    }
    let call = RotateApiKey(ApiKeyRotation {
        id: id.as_ref().map(ApiKeyId::to_string),
        expires_in_days: args.expires_in_days,
    });
    let reply = context.reply(&call)?;
    let rotated = reply.answer()?;
    let still_works = |failure: Failure| {
        let old = &rotated.replaces.id;
        let what = format!("{failure}; the old key {old} still works");
        Failure::new(failure.code().max(exit::UNEXPECTED), what)
            .hint(format!("quiltctl api-keys revoke {old}"))
    };
    let shown = if context.global().json {
        output::json(reply.body())
    } else {
        create::show(&rotated.api_key, &rotated.secret)
    };
    shown.map_err(still_works)?;
    create::warn();
    if args.use_it && !rotated.in_use {
        create::hand_over(context, &rotated.secret).map_err(still_works)?;
    }
    let old: ApiKeyId = parse_id(&rotated.replaces.id).map_err(still_works)?;
    let scope = KeyScope::Own;
    match context.send(&RevokeApiKey { scope, id: old }) {
        Ok(()) => {}
        // Somebody else has revoked it meanwhile.
        Err(failure) if failure.code() == exit::NOT_FOUND => {}
        Err(failure) => return Err(still_works(failure)),
    }
    output::note(format_args!(
        "The old key {} is revoked.{}",
        rotated.replaces.id,
        if rotated.in_use {
            " The daemon uses the new one."
        } else {
            ""
        }
    ));
    Ok(())
}
