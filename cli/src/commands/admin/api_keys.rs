//! `admin api-keys`.

use quilt_proto::ApiKeyId;
use quilt_proto::api::{ListAllApiKeys, ReadAnyApiKey, RevokeAnyApiKey};
use quilt_proto::wire::{ApiKey, ApiKeyFilter, ApiKeyStatus};

use super::{report, unused};
use crate::commands::api_keys::{get, key_named, parse_status, revoke, view};
use crate::confirm;
use crate::context::Context;
use crate::exit::{self, Failure};

/// What to do about everybody's API keys.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List API keys
    List(Filter),
    /// Show an API key
    Get {
        /// The key's name, or its id
        #[arg(value_name = "KEY", add = crate::completion::admin_keys())]
        id: String,
    },
    /// Revoke an API key for good
    Revoke {
        /// The key's name, or its id
        #[arg(value_name = "KEY", add = crate::completion::admin_keys())]
        id: String,

        /// Do not ask; needed where nobody is at a terminal
        #[arg(long)]
        yes: bool,
    },
    /// List the active API keys nobody has used lately
    Unused(unused::Args),
    /// Count API keys by state and owner, and show the newest
    Report,
}

/// Shows everybody's keys.
const LIST: &str = "quiltctl admin api-keys list";

/// Which keys.
#[derive(Debug, clap::Args)]
pub(crate) struct Filter {
    /// Only keys of the user with this e-mail address
    #[arg(long)]
    email: Option<String>,

    /// Only keys of this name
    #[arg(long, add = crate::completion::admin_key_names())]
    key_name: Option<String>,

    /// Only keys of this fingerprint, such as qk_abc...xyz
    #[arg(long)]
    fingerprint: Option<String>,

    /// Only ACTIVE or only EXPIRED keys
    #[arg(long, value_parser = parse_status)]
    status: Option<ApiKeyStatus>,
}

pub(super) fn run(context: &Context, command: &Command) -> Result<(), Failure> {
    match command {
        Command::List(filter) => context.show(&filter.request(), |look, keys| {
            view::screen(
                look,
                keys,
                view::Whose::Anybodys,
                "No API keys match; nobody has made such a key.",
            )
        }),
        Command::Get { id } => {
            let shown = get(context, &ReadAnyApiKey(any_key(context, id)?));
            shown.map_err(all_there_are)
        }
        Command::Revoke { id, yes } => revoke(context, id, *yes),
        Command::Unused(args) => unused::run(context, args),
        Command::Report => report::run(context),
    }
}

/// Anybody's key that is meant by its name or its id.
fn any_key(context: &Context, typed: &str) -> Result<ApiKeyId, Failure> {
    let list = |filter| context.send(&ListAllApiKeys(filter));
    key_named(typed, list, LIST)
}

fn revoke(context: &Context, id: &str, yes: bool) -> Result<(), Failure> {
    let named = context.global().catalog.as_ref();
    let context = &context.pinned()?;
    let id = any_key(context, id)?;
    let again = quilt_proto::Command::of("quiltctl admin api-keys revoke")
        .operand(&id)
        .option_if("--catalog", named);
    let question = || {
        let key = context
            .send(&ReadAnyApiKey(id.clone()))
            .map_err(all_there_are)?;
        Ok(revoke::question(&context.look(), &key))
    };
    confirm::agreed(yes, question, again, LIST)?;
    revoke::revoke(context, &RevokeAnyApiKey(id)).map_err(all_there_are)
}

/// A key that is not there is looked for among everybody's.
fn all_there_are(failure: Failure) -> Failure {
    if failure.code() == exit::NOT_FOUND {
        failure.hint(LIST)
    } else {
        failure
    }
}

impl Filter {
    fn request(&self) -> ListAllApiKeys {
        ListAllApiKeys(ApiKeyFilter {
            email: self.email.clone(),
            name: self.key_name.clone(),
            fingerprint: self.fingerprint.clone(),
            status: self.status,
        })
    }
}

/// Everybody's keys of a state, or of both.
pub(super) fn all(context: &Context, status: Option<ApiKeyStatus>) -> Result<Vec<ApiKey>, Failure> {
    let filter = ApiKeyFilter {
        status,
        ..ApiKeyFilter::default()
    };
    context.send(&ListAllApiKeys(filter))
}
