//! `api-keys rotate`.

use quilt_proto::api::{ReadToken, RevokeApiKey, RotateApiKey};
use quilt_proto::suggested_command::clause;
use quilt_proto::wire::{ApiKey, ApiKeyRotation, RotatedApiKey, TokenKind};
use quilt_proto::{ApiKeyId, ApiKeySecret, Command, quoted};

use super::{create, own_key, parse_id};
use crate::commands::login;
use crate::context::Context;
use crate::exit::{self, Failure};
use crate::{output, shown_once};

/// Which key.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The name or the id of the key to replace
    #[arg(value_name = "KEY", required_unless_present = "current", conflicts_with = "current", add = crate::completion::keys())]
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
    // Between the two keys, whoever reads the secret may be waited for.
    let context = &context.pinned()?;
    let id = args.id.as_deref();
    let id = id.map(|id| own_key(context, id)).transpose()?;
    if let Some(days) = args.expires_in_days {
        create::check_days(days)?;
    }
    shown_once::check_stdout()
        .map_err(|failure| create::nothing_made(&failure).hint(again(args)))?;
    let before = key_in_use(context)?;
    let call = RotateApiKey(ApiKeyRotation {
        id: id.as_ref().map(ApiKeyId::to_string),
        expires_in_days: args.expires_in_days,
    });
    let reply = context.reply(&call)?;
    let rotated = reply.answer()?;
    let left = |failure: Failure, works: &str| {
        let old = &rotated.replaces.id;
        let code = failure.code().max(exit::UNEXPECTED);
        let (why, old_key) = (clause(failure.what()), quoted::name(old));
        let what = format!("{why}; the old key {old_key} {works}");
        Failure::new(code, what).hint(Command::of("quiltctl api-keys revoke").operand(old))
    };
    let still_works = |failure| left(failure, "still works");
    create::deliver(context, reply.body(), &rotated.api_key, &rotated.secret).map_err(
        |failure| take_back(context, &rotated, before, &failure).or_hint(|| again(args)),
    )?;
    create::warn();
    if args.use_it && !rotated.in_use {
        create::set_key(context, &rotated.secret).map_err(still_works)?;
    }
    // Before the old one works no more.
    if let Some(place) = &rotated.read_from {
        let what =
            format!("The daemon reads the old key at each start: put the new one into {place}");
        match &rotated.replace_there {
            Some(command) => output::advise(&what, command),
            None => output::note(format_args!("{what}.")),
        }
    }
    let old: ApiKeyId = parse_id(&rotated.replaces.id).map_err(still_works)?;
    let outcome = match context.send(&RevokeApiKey(old)) {
        Ok(()) => "is revoked",
        // Somebody else has revoked it meanwhile; or is logged in.
        Err(failure)
            if failure.code() == exit::NOT_FOUND && !is_gone(context, &rotated.api_key) =>
        {
            "is no key of yours any more"
        }
        // What was asked may have been done.
        Err(failure) => return Err(left(failure, "may still work")),
    };
    output::note(format_args!(
        "The old key {} {outcome}.{}",
        quoted::name(&rotated.replaces.id),
        if rotated.in_use {
            " The daemon uses the new one."
        } else {
            ""
        }
    ));
    Ok(())
}

/// The same command once more.
fn again(args: &Args) -> Command {
    let rotate = match &args.id {
        Some(id) => Command::of("quiltctl api-keys rotate").operand(id),
        None => Command::of("quiltctl api-keys rotate --current"),
    };
    rotate
        .option_if("--expires-in-days", args.expires_in_days)
        .words_if("--use", args.use_it)
}

/// The key the daemon uses, to give it back should the new one be lost.
fn key_in_use(context: &Context) -> Result<Option<ApiKeySecret>, Failure> {
    let session = context.session()?;
    if session.status.kind != Some(TokenKind::ApiKey) {
        return Ok(None);
    }
    // Where it is refused, the rotation says so.
    let token = context.send(&ReadToken).ok();
    Ok(token.and_then(|token| token.token.expose().parse().ok()))
}

/// Whether a key is known not to be an active one of whoever is logged in: two
/// rotations of it get the same successor, and the other one has come to its end;
/// or somebody else has logged in.
fn is_gone(context: &Context, key: &ApiKey) -> bool {
    let keys = create::active_of_name(context, &key.name);
    keys.is_ok_and(|keys| keys.iter().all(|known| known.id != key.id))
}

/// Undoes a rotation whose secret nobody got: the old key is used as before,
/// and the new one revoked. The failure has a hint where that did not go well.
fn take_back(
    context: &Context,
    rotated: &RotatedApiKey,
    before: Option<ApiKeySecret>,
    failure: &Failure,
) -> Failure {
    let old = &rotated.replaces;
    if is_gone(context, old) {
        let what = format!(
            "{}; another rotation has revoked the old key {}, and whoever it was for has the new \
             one, {}",
            clause(failure.what()),
            quoted::name(&old.id),
            quoted::name(&rotated.api_key.id)
        );
        return Failure::new(exit::UNEXPECTED, what).hint("quiltctl api-keys list");
    }
    let is_back = !rotated.in_use
        || before
            .filter(|key| key.fingerprint() == old.fingerprint)
            .is_some_and(|key| login::set_key(context, &key).is_ok());
    if !is_back {
        // Asked again, the daemon gives the same successor.
        let what = format!(
            "{}; the daemon uses the new key, the old key {} still works",
            clause(failure.what()),
            quoted::name(&old.id)
        );
        return Failure::new(exit::UNEXPECTED, what).hint("quiltctl api-keys rotate --current");
    }
    let (what, hint) = create::take_back(context, &rotated.api_key.id, failure).apart();
    let still = if rotated.in_use {
        "still works and is in use"
    } else {
        "still works"
    };
    let what = format!("{what}, the old key {} {still}", quoted::name(&old.id));
    Failure::new(exit::UNEXPECTED, what).hint_if(hint)
}
