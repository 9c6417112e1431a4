//! Asks before a secret goes to another registry than before.

use quilt_proto::RegistryHost;
use quilt_proto::api::AcceptRegistry;
use quilt_proto::wire::RegistryAcceptance;

use crate::context::Context;
use crate::exit::Failure;
use crate::secret_prompt;

/// Makes a call, and again with the host the daemon asks about, if the user
/// agrees to it at a terminal. `accept` is what they agreed to beforehand.
pub(crate) fn to_registry<T>(
    mut accept: Option<RegistryHost>,
    call: impl Fn(Option<RegistryHost>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    loop {
        let failure = match call(accept) {
            Err(failure) => failure,
            done => return done,
        };
        accept = Some(asked(failure)?);
    }
}

/// The same for a call that cannot say it itself: the daemon is told first.
pub(crate) fn told<T>(
    context: &Context,
    call: impl Fn() -> Result<T, Failure>,
) -> Result<T, Failure> {
    loop {
        let failure = match call() {
            Err(failure) => failure,
            done => return done,
        };
        tell(context, asked(failure)?)?;
    }
}

/// Tells the daemon what the user agreed to.
pub(crate) fn tell(context: &Context, accept_registry: RegistryHost) -> Result<(), Failure> {
    let call = AcceptRegistry(RegistryAcceptance { accept_registry });
    context.send(&call).map(drop)
}

/// The host to go on with, if that is what failed and the user agrees to it.
fn asked(failure: Failure) -> Result<RegistryHost, Failure> {
    let Some(host) = failure.registry_host().cloned() else {
        return Err(failure);
    };
    let question = format!("{}.\nGo on with {host}? [y/N] ", failure.what());
    if is_agreed(&question)? {
        Ok(host)
    } else {
        Err(failure)
    }
}

/// Asks where somebody is there to answer; else the answer is no.
pub(crate) fn is_agreed(question: &str) -> Result<bool, Failure> {
    if secret_prompt::is_somebody_there() {
        secret_prompt::agreed(question)
    } else {
        Ok(false)
    }
}
