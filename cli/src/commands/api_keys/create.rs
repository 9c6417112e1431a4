//! `api-keys create`.

use quilt_proto::call::CreateApiKey;
use quilt_proto::wire::{ApiKey, DEFAULT_KEY_LIFETIME_DAYS, KEY_LIFETIME_DAYS, NewApiKey};
use quilt_proto::{ApiKeySecret, Secret};
use zeroize::Zeroizing;

use crate::commands::login;
use crate::context::Context;
use crate::exit::{self, Failure};
use crate::output;

/// The key to make.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The key's name: purpose, environment and date, such as ci-github-prod-2026q1
    name: String,

    /// Its lifetime, 1 to 365 days
    #[arg(long, value_name = "N", default_value_t = DEFAULT_KEY_LIFETIME_DAYS, allow_negative_numbers = true)]
    expires_in_days: i64,

    /// Use the new key at once, instead of the interactive session
    #[arg(long = "use")]
    use_it: bool,
}

/// The guide's words.
const WARNING: &str = "The secret is only shown once during creation. Save it immediately in a \
                       secure location. If you lose it, you'll need to create a new key.";

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    check_days(args.expires_in_days)?;
    let call = CreateApiKey(NewApiKey {
        name: args.name.clone(),
        expires_in_days: args.expires_in_days,
    });
    let reply = context.reply(&call)?;
    let created = reply.answer()?;
    if context.global().json {
        output::json(reply.body())?;
    } else {
        show(&created.api_key, &created.secret)?;
    }
    warn();
    if args.use_it {
        hand_over(context, &created.secret)?;
    }
    Ok(())
}

/// Refuses a lifetime no stack grants, before the call.
pub(super) fn check_days(days: i64) -> Result<(), Failure> {
    if KEY_LIFETIME_DAYS.contains(&days) {
        return Ok(());
    }
    let what = "Expiration must be between 1 and 365 days";
    Err(Failure::new(exit::INPUT, what).hint("quiltctl api-keys create --help"))
}

/// A new key with its secret, as the guide prints it.
pub(super) fn show(key: &ApiKey, secret: &Secret) -> Result<(), Failure> {
    output::line(format_args!("Key ID: {}", key.id))?;
    output::line(format_args!("Name: {}", key.name))?;
    output::line(format_args!("Owner: {}", key.user_email))?;
    let parsed = parse(secret)?;
    let line = Zeroizing::new(format!("Secret: {}\n", parsed.secret().expose()));
    output::bytes(line.as_bytes())?;
    output::line(format_args!("Fingerprint: {}", key.fingerprint))?;
    output::line(format_args!("Expires: {}", key.expires_at))
}

pub(super) fn warn() {
    output::note(WARNING);
}

/// Lets the daemon use a key.
pub(super) fn hand_over(context: &Context, secret: &Secret) -> Result<(), Failure> {
    login::hand_over(context, &parse(secret)?)?;
    output::note("The daemon uses the new key now.");
    Ok(())
}

fn parse(secret: &Secret) -> Result<ApiKeySecret, Failure> {
    let not_one = |_| quilt_client::Error::InvalidAnswer("an API key that is none").into();
    secret.expose().parse().map_err(not_one)
}
