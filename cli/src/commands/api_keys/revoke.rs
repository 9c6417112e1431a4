//! `api-keys revoke`: asks first, unless the secret itself is given.

use quilt_proto::Command;
use quilt_proto::api::{Endpoint, ReadApiKey, RevokeApiKey, RevokeApiKeySecret};
use quilt_proto::wire::{ApiKey, ApiKeyRevocation};

use super::{own_key, view};
use crate::commands::login::MeantByKey;
use crate::context::Context;
use crate::exit::Failure;
use crate::look::{Look, name};
use crate::secret_prompt::UnreadKeys;
use crate::{confirm, key_source, output};

/// Which key.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The key's name, or its id
    #[arg(
        value_name = "KEY",
        required_unless_present = "secret_stdin",
        conflicts_with = "secret_stdin",
        add = crate::completion::keys()
    )]
    id: Option<String>,

    /// Revoke the key whose secret is given: typed at a hidden prompt, or on stdin
    #[arg(long)]
    secret_stdin: bool,

    /// Do not ask; needed where nobody is at a terminal
    #[arg(long, conflicts_with = "secret_stdin")]
    yes: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    if let Some(id) = &args.id {
        let named = context.global().catalog.as_ref();
        let context = &context.pinned()?;
        let id = own_key(context, id)?;
        let again = Command::of("quiltctl api-keys revoke")
            .operand(&id)
            .option_if("--catalog", named);
        let question = || {
            let key = context.send(&ReadApiKey(id.clone()))?;
            Ok(question(&context.look(), &key))
        };
        confirm::agreed(args.yes, question, again, "quiltctl api-keys list")?;
        return revoke(context, &RevokeApiKey(id));
    }
    let _unread = UnreadKeys;
    let meant = MeantByKey::now(context)?;
    let call = RevokeApiKeySecret(ApiKeyRevocation {
        secret: key_source::prompted()?.secret().clone(),
        default_catalog: meant.default,
    });
    revoke(&meant.context, &call)
}

/// What somebody is asked before a key goes: which one, by name.
pub(in crate::commands) fn question(look: &Look, key: &ApiKey) -> String {
    format!(
        "Revoke the API key {} ({}) of {} for good? Last used: {}. Whoever uses it is refused \
         from then on.",
        name(&key.name),
        name(&key.fingerprint),
        name(&key.user_email),
        view::last_used(look, key)
    )
}

/// Does it, and says so.
pub(in crate::commands) fn revoke<E: Endpoint<Answer = ()>>(
    context: &Context,
    call: &E,
) -> Result<(), Failure> {
    context.print(call, |()| {
        output::note("Revoked.");
        Ok(())
    })
}
