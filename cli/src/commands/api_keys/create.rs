//! `api-keys create`.

use quilt_proto::api::{CreateApiKey, ListApiKeys, RevokeApiKey};
use quilt_proto::suggested_command::clause;
use quilt_proto::wire::{
    ApiKey, ApiKeyFilter, ApiKeyStatus, DEFAULT_KEY_LIFETIME_DAYS, KEY_LIFETIME_DAYS, NewApiKey,
    bad_key_lifetime,
};
use quilt_proto::{ApiKeySecret, Command, Secret, quoted};
use zeroize::Zeroizing;

use super::lost_key_note::LostKeyNote;
use super::parse_id;
use crate::commands::login;
use crate::context::Context;
use crate::exit::{self, Failure};
use crate::{look, output, shown_once};

/// The key to make.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The key's name: purpose, environment and date, such as ci-github-prod-2026q1
    name: String,

    #[arg(long, help = lifetime_help(), value_name = "N", default_value_t = DEFAULT_KEY_LIFETIME_DAYS, allow_negative_numbers = true)]
    expires_in_days: i64,

    /// Use the new key at once, instead of the interactive session
    #[arg(long = "use")]
    use_it: bool,
}

/// What is said of `--expires-in-days`.
fn lifetime_help() -> String {
    let (least, most) = KEY_LIFETIME_DAYS.into_inner();
    format!("Its lifetime, {least} to {most} days")
}

/// The guide's words.
const WARNING: &str = "The secret is only shown once during creation. Save it immediately in a \
                       secure location. If you lose it, you'll need to create a new key.";

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    check_days(args.expires_in_days)?;
    shown_once::check_stdout().map_err(|failure| nothing_made(&failure).hint(again(args)))?;
    // Until its secret is out, somebody may be waited for.
    let context = &context.pinned()?;
    let call = CreateApiKey(NewApiKey {
        name: args.name.clone(),
        expires_in_days: args.expires_in_days,
    });
    let lost = LostKeyNote::watch(&args.name);
    let reply = context.reply(&call)?;
    let created = reply.answer()?;
    deliver(context, reply.body(), &created.api_key, &created.secret).map_err(|failure| {
        take_back(context, &created.api_key.id, &failure).or_hint(|| again(args))
    })?;
    lost.end();
    warn();
    note_namesakes(context, &created.api_key);
    if args.use_it {
        return set_key(context, &created.secret);
    }
    say_what_next(context);
    Ok(())
}

/// Says that other keys have the name of a new one: they were not replaced.
fn note_namesakes(context: &Context, new: &ApiKey) {
    // The key is made and shown, whatever becomes of this.
    let Ok(keys) = active_of_name(context, &new.name) else {
        return;
    };
    if let Some(what) = namesakes(new, &keys) {
        let list = Command::of("quiltctl api-keys list").option("--name", &new.name);
        output::advise(&what, &list);
    }
}

/// The active keys of this name that whoever is logged in has.
pub(super) fn active_of_name(context: &Context, name: &str) -> Result<Vec<ApiKey>, Failure> {
    context.send(&ListApiKeys(ApiKeyFilter {
        name: Some(name.to_owned()),
        status: Some(ApiKeyStatus::Active),
        ..ApiKeyFilter::default()
    }))
}

fn namesakes(new: &ApiKey, keys: &[ApiKey]) -> Option<String> {
    let others = keys.iter().filter(|key| {
        key.status == ApiKeyStatus::Active && key.name == new.name && key.id != new.id
    });
    let (count, name) = (others.count(), quoted::name(&new.name));
    match count {
        0 => None,
        1 => Some(format!("Another API key named {name} works as before")),
        count => Some(format!(
            "{count} other API keys named {name} work as before"
        )),
    }
}

/// What the key is for: a service that logs in with it.
fn say_what_next(context: &Context) {
    if !look::is_seen() || context.global().json {
        return;
    }
    let Ok(session) = context.session() else {
        return;
    };
    let login = Command::of("quiltctl login")
        .operand(look::host(&session.catalog_url))
        .words("--api-key-env");
    output::next(&[(login, "in the service, with QUILT_API_KEY set")]);
}

/// The same command once more.
fn again(args: &Args) -> Command {
    let days = Some(args.expires_in_days).filter(|days| *days != DEFAULT_KEY_LIFETIME_DAYS);
    Command::of("quiltctl api-keys create")
        .operand(&args.name)
        .option_if("--expires-in-days", days)
        .words_if("--use", args.use_it)
}

/// What is said where stdout could not take the secret.
pub(super) fn nothing_made(failure: &Failure) -> Failure {
    let what = format!("{}; no key was made", clause(failure.what()));
    Failure::new(exit::UNEXPECTED, what)
}

/// Prints a new key with its secret, which is lost unless that goes well.
pub(super) fn deliver(
    context: &Context,
    body: &[u8],
    key: &ApiKey,
    secret: &Secret,
) -> Result<(), Failure> {
    if context.global().json {
        shown_once::delivered(&output::json_line(body)?)
    } else {
        // A script reads the exact time.
        let end = if look::is_seen() {
            context.look().when(key.expires_at)
        } else {
            key.expires_at.to_string()
        };
        shown_once::delivered(shown(key, secret, &end)?.as_bytes())
    }
}

/// Revokes a new key nobody got the secret of. The failure has a hint only
/// where that failed too.
pub(super) fn take_back(context: &Context, id: &str, failure: &Failure) -> Failure {
    let (what, shown) = (clause(failure.what()), quoted::name(id));
    let revoked = parse_id(id).and_then(|id| context.send(&RevokeApiKey(id)));
    if revoked.is_ok() {
        let what = format!("{what}; the new key {shown} is revoked");
        return Failure::new(exit::UNEXPECTED, what);
    }
    let what = format!("{what}; the new key {shown} could not be revoked");
    Failure::new(exit::UNEXPECTED, what).hint(Command::of("quiltctl api-keys revoke").operand(id))
}

/// Refuses a lifetime no stack grants, before the call.
pub(super) fn check_days(days: i64) -> Result<(), Failure> {
    if KEY_LIFETIME_DAYS.contains(&days) {
        return Ok(());
    }
    Err(Failure::new(exit::INPUT, bad_key_lifetime()).hint("quiltctl api-keys create --help"))
}

/// A new key with its secret, as the guide prints it. In one piece: a reader
/// that goes away with half of it would have the secret or not.
fn shown(key: &ApiKey, secret: &Secret, end: &str) -> Result<Zeroizing<String>, Failure> {
    let parsed = parse(secret)?;
    Ok(Zeroizing::new(format!(
        "Key ID: {}\nName: {}\nOwner: {}\nSecret: {}\nFingerprint: {}\nExpires: {}\n",
        look::name(&key.id),
        look::name(&key.name),
        look::name(&key.user_email),
        parsed.secret().expose(),
        look::name(&key.fingerprint),
        end,
    )))
}

pub(super) fn warn() {
    output::note(WARNING);
}

/// Lets the daemon use a key.
pub(super) fn set_key(context: &Context, secret: &Secret) -> Result<(), Failure> {
    for line in login::set_key(context, &parse(secret)?)?.welcome() {
        output::note(line);
    }
    output::note("The daemon uses the new key now.");
    Ok(())
}

fn parse(secret: &Secret) -> Result<ApiKeySecret, Failure> {
    let not_one = |_| quilt_client::Error::InvalidAnswer("an API key that is none").into();
    secret.expose().parse().map_err(not_one)
}

#[cfg(test)]
mod tests {
    use super::super::view::tests::key;
    use super::*;

    #[test]
    fn namesakes_are_other_keys_that_work() {
        let new = key("ci", 90);
        let of = |id: &str, name: &str, days: i64| ApiKey {
            id: id.to_owned(),
            ..key(name, days)
        };
        let lone = [new.clone(), of("2", "cd", 9), of("3", "ci", -3)];
        assert_eq!(namesakes(&new, &lone), None);
        let one = [new.clone(), of("2", "ci", 9)];
        let said = "Another API key named ci works as before";
        assert_eq!(namesakes(&new, &one).as_deref(), Some(said));
    }
}
