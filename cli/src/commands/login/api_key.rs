//! Logging in with an API key, instead of with the browser.

use quilt_proto::api::{ReadSession, SessionQuery, UseApiKey};
use quilt_proto::wire::{ApiKeyHandover, Session};
use quilt_proto::{ApiKeySecret, CatalogUrl, Command, RegistryHost};

use super::welcome::welcome;
use super::{Args, again, of_catalog};
use crate::aws_helper::AwsHelper;
use crate::context::Context;
use crate::exit::{self, Failure};
use crate::{key_source, output, registry_consent, secret_prompt};

/// Which catalog a key is for, as it was before the key was read.
pub(in crate::commands) struct MeantByKey {
    /// The run, for the catalog that was named, if one was.
    pub(in crate::commands) context: Context,
    /// The default one, where none was named: the key may be known to be of
    /// another.
    pub(in crate::commands) default: Option<CatalogUrl>,
}

impl MeantByKey {
    /// The one that is meant at this moment.
    pub(in crate::commands) fn now(context: &Context) -> Result<Self, Failure> {
        if context.catalog()?.is_some() {
            return Ok(Self {
                context: context.pinned()?,
                default: None,
            });
        }
        let default = match context.session() {
            Ok(session) => Some(session.catalog_url),
            // There is none; the key may be known to be of one all the same.
            Err(failure) if failure.code() == exit::INPUT => None,
            Err(failure) => return Err(failure),
        };
        Ok(Self {
            context: context.clone(),
            default,
        })
    }
}

/// Uses a key instead of the login.
fn use_key(
    meant: &MeantByKey,
    key: &ApiKeySecret,
    accept: Option<RegistryHost>,
) -> Result<(), Failure> {
    let MeantByKey { context, default } = meant;
    let reply = registry_consent::to_registry(accept, |accept| {
        context.reply(&use_request(key, accept, default.clone()))
    })?;
    let session = reply.answer()?;
    note_doubts(&session);
    welcome(context, reply.body(), &session)
}

/// The same for a key that was just made, or was in use before: says nothing
/// on stdout.
pub(in crate::commands) fn set_key(
    context: &Context,
    key: &ApiKeySecret,
) -> Result<Session, Failure> {
    let session = registry_consent::to_registry(None, |accept| {
        context.send(&use_request(key, accept, None))
    })?;
    note_doubts(&session);
    Ok(session)
}

fn use_request(
    key: &ApiKeySecret,
    accept_registry: Option<RegistryHost>,
    default_catalog: Option<CatalogUrl>,
) -> UseApiKey {
    UseApiKey(ApiKeyHandover {
        key: key.secret().clone(),
        accept_registry,
        default_catalog,
    })
}

/// A key that could not be checked is used all the same.
fn note_doubts(session: &Session) {
    if let Some(problem) = &session.status.last_error {
        output::note(format_args!("warning: {problem}"));
    }
}

/// A login where nobody is at a terminal: with a key in a variable.
pub(super) fn with_exported_key(context: &Context, variable: &str) -> Command {
    let set = Command::of("export").word(&format!("{variable}=YOUR-KEY"));
    let login = of_catalog(context, set.words("&& quiltctl login"));
    login.option("--api-key-env", variable)
}

/// An API key, from where it is kept. Who has to agree to a registry is asked
/// before they give it away.
pub(super) fn by_key(context: &Context, args: &Args) -> Result<(), Failure> {
    // The same once more would fail in the same way.
    let anew = |variable: &String| {
        if secret_prompt::is_somebody_there() {
            // Not by way of the shell's history.
            return of_catalog(context, Command::of("quiltctl login")).words("--api-key");
        }
        with_exported_key(context, variable)
    };
    let unset = |failure: Failure| match &args.key.api_key_env {
        Some(variable) => failure.hint(anew(variable)),
        None => failure,
    };
    // Before it is read, which may take its time; what is wrong with one that is
    // there already is told first.
    let meant = MeantByKey::now(context);
    let there = if args.key.api_key {
        None
    } else {
        args.key.read().map_err(unset)?
    };
    let meant = meant?;
    let accept = agreed_beforehand(&meant.context, args.accept_registry.clone())?;
    if let Some(id) = &args.key.api_key_secret {
        let helper = AwsHelper::new(&meant.context, "use-secret")?
            .option("--id", id)
            .option_if(
                "--default-catalog",
                meant.default.as_ref().map(CatalogUrl::as_str),
            )
            .option_if(
                "--accept-registry",
                accept.as_ref().map(RegistryHost::as_str),
            );
        return Err(helper.exec());
    }
    let key = match there {
        None => args.key.read().map_err(|failure| {
            let is_typed = args.key.api_key && !secret_prompt::is_somebody_there();
            if is_typed && failure.code() == exit::INPUT {
                failure.hint(with_exported_key(context, key_source::VARIABLE))
            } else {
                failure
            }
        })?,
        there => there,
    };
    let used = match key {
        Some(key) => use_key(&meant, &key, accept),
        None => Ok(()),
    };
    used.map_err(|failure| match &args.key.api_key_env {
        // Where a service logs in, there is nobody to type one.
        // Whoever agrees to a registry runs the daemon's command, with the same key.
        Some(variable) if failure.code() == exit::REFUSED && failure.registry_host().is_none() => {
            failure.hint(anew(variable))
        }
        Some(variable) => failure.untyped(again(context).option("--api-key-env", variable)),
        None => failure,
    })
}

/// What somebody at the terminal agrees to. Where the catalog cannot be asked,
/// a key is taken all the same.
fn agreed_beforehand(
    context: &Context,
    accept: Option<RegistryHost>,
) -> Result<Option<RegistryHost>, Failure> {
    if !secret_prompt::is_somebody_there() {
        return Ok(accept);
    }
    let asked = registry_consent::to_registry(accept.clone(), |accept_registry| {
        let call = ReadSession(SessionQuery::login_page(accept_registry.clone()));
        context.send(&call).map(|_| accept_registry)
    });
    match asked {
        Err(failure) if failure.registry_host().is_none() => Ok(accept),
        asked => asked,
    }
}
