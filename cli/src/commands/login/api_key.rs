//! Logging in with an API key, instead of with the browser.

use quilt_proto::api::UseApiKey;
use quilt_proto::wire::{ApiKeyHandover, Session};
use quilt_proto::{ApiKeySecret, RegistryHost};

use super::welcome::welcome;
use crate::context::Context;
use crate::exit::Failure;
use crate::{output, registry_consent};

/// Uses a key instead of the login.
pub(super) fn use_key(
    context: &Context,
    key: &ApiKeySecret,
    accept: Option<RegistryHost>,
) -> Result<(), Failure> {
    let reply =
        registry_consent::to_registry(accept, |accept| context.reply(&use_request(key, accept)))?;
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
    let session =
        registry_consent::to_registry(None, |accept| context.send(&use_request(key, accept)))?;
    note_doubts(&session);
    Ok(session)
}

fn use_request(key: &ApiKeySecret, accept_registry: Option<RegistryHost>) -> UseApiKey {
    UseApiKey(ApiKeyHandover {
        key: key.secret().clone(),
        accept_registry,
    })
}

/// A key that could not be checked is used all the same.
fn note_doubts(session: &Session) {
    if let Some(problem) = &session.status.last_error {
        output::note(format_args!("warning: {problem}"));
    }
}
