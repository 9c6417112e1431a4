//! Whether the stack knows who is logged in, and for how long.

use quilt_proto::wire::{SessionState, TokenKind};
use tokio::time::{Instant, timeout_at};

use super::{Ailment, Patient};
use crate::keys::Keys;
use crate::session::Session;

/// Asks the stack who is logged in. Nothing where there is neither a login nor
/// an error.
pub(super) async fn check(
    patient: Patient<'_>,
    session: &Session,
    deadline: Instant,
) -> Option<Result<String, Ailment>> {
    if let Some(known) = known(session) {
        return Some(known);
    }
    let patience = deadline.saturating_duration_since(Instant::now());
    let ask = async {
        let registry = session.registry().await?;
        let me = session.authorized(patience, true, |bearer| {
            let registry = &registry;
            async move { patient.stack.me(registry, &bearer.token).await }
        });
        me.await
    };
    let catalog = session.catalog();
    Some(match timeout_at(deadline, ask).await {
        Ok(Ok(me)) => Ok(format!("{} is logged in to {catalog}", me.name)),
        Ok(Err(error)) => Err(Ailment::Session(error)),
        Err(_) => Err(Ailment::Slow(catalog.clone())),
    })
}

/// What is wrong without asking anyone.
pub(super) fn known(session: &Session) -> Option<Result<String, Ailment>> {
    let status = session.status();
    // A key that was refused may be good again by now: the stack is asked,
    // where its pause allows.
    let is_key = status.kind == Some(TokenKind::ApiKey);
    if status.state == SessionState::Expired && is_key {
        return None;
    }
    session
        .check()
        .err()
        .map(|error| Err(Ailment::Session(error)))
}

/// What is to be done about API keys.
pub(super) fn keys(keys: &Keys, session: &Session) -> Vec<Ailment> {
    keys.notices(session)
        .into_iter()
        .map(Ailment::Key)
        .collect()
}
