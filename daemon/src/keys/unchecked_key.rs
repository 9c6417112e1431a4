//! Keys that are used before the stack has said anything of them.

use std::sync::Arc;

use quilt_proto::{ApiKeySecret, RegistryUrl};

use super::{KeyError, Keys};
use crate::session::{Epoch, KeyInfo, LoginOutcome, Session};
use crate::stack::StackError;

/// Uses a key of a catalog that cannot be asked where its registry is: at
/// the trusted one, if there is one.
pub(super) async fn set_without_check(
    keys: &Arc<Keys>,
    epoch: Epoch,
    session: &Arc<Session>,
    secret: &ApiKeySecret,
    doubts: &str,
    so_far: Option<String>,
) -> Result<LoginOutcome, KeyError> {
    let trusted = session.registry_trust().known().await.ok().flatten();
    let doubted = unchecked(doubts);
    keys.adopt(epoch, session, secret, trusted.as_ref(), doubted)?;
    Ok(LoginOutcome::of_key(
        session,
        Err(doubts.to_owned()),
        so_far,
        None,
    ))
}

/// Uses a key without waiting for the stack's answer, for daemons that are
/// started with one. It is sent nowhere before the catalog has said that
/// its registry is the trusted one, where there is one.
/// `registry` is where it was sent by the daemon before, if that was settled.
pub fn set(
    keys: &Arc<Keys>,
    session: &Arc<Session>,
    secret: &ApiKeySecret,
    registry: Option<&RegistryUrl>,
) {
    let doubted = unchecked("the daemon just started");
    // Nobody logs out before anything is served.
    let _ = keys.adopt(session.epoch(), session, secret, registry, doubted);
}

/// Whether a failure says nothing of a key: its owner may use it unchecked.
pub(super) fn is_trouble(error: &StackError) -> bool {
    !matches!(
        error,
        StackError::Unauthorized { .. } | StackError::Refused { .. } | StackError::Input { .. }
    )
}

pub(super) fn unchecked(why: &str) -> KeyInfo {
    KeyInfo {
        unchecked: Some(format!("the API key is not checked yet: {why}")),
        ..KeyInfo::default()
    }
}
