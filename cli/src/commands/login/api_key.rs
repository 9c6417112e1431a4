//! Logging in with an API key, instead of with the browser.

use quilt_proto::api::{ReadSession, SessionQuery, UseApiKey};
use quilt_proto::wire::{ApiKeyHandover, Session};
use quilt_proto::{ApiKeySecret, CatalogUrl, RegistryHost};

use super::welcome::welcome;
use crate::context::Context;
use crate::exit::Failure;
use crate::{output, registry_consent, secret_prompt};

/// Which catalog a key is for, as it was before the key was read.
pub(in crate::commands) struct MeantByKey {
    /// The run, for the catalog that was named, if one was.
    pub(in crate::commands) context: Context,
    /// The default one, where none was named: the key may be known to be of
    /// another.
    pub(in crate::commands) default: Option<CatalogUrl>,
}

impl MeantByKey {
    /// Where nobody waits, that of the moment counts.
    pub(in crate::commands) fn now(context: &Context) -> Result<Self, Failure> {
        let unresolved = |context: Context| Self {
            context,
            default: None,
        };
        if context.catalog()?.is_some() {
            return Ok(unresolved(context.pinned()?));
        }
        if !secret_prompt::is_somebody_there() {
            return Ok(unresolved(context.clone()));
        }
        let session = context.send(&ReadSession(SessionQuery::default()))?;
        Ok(Self {
            context: context.clone(),
            default: Some(session.catalog_url),
        })
    }
}

/// Uses a key instead of the login.
pub(super) fn use_key(
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
