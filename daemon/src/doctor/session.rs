//! Whether the stack knows who is logged in, and for how long.

use quilt_proto::quoted;
use tokio::time::{Instant, timeout_at};

use super::Diagnostic;
use crate::session::{Session, SessionError};

/// Asks the stack who is logged in.
pub(super) async fn check(session: &Session, deadline: Instant) -> Result<String, Diagnostic> {
    if let Some(diagnostic) = known(session) {
        return Err(diagnostic);
    }
    let timeout = deadline.saturating_duration_since(Instant::now());
    let catalog = session.catalog();
    match timeout_at(deadline, session.me(timeout)).await {
        Ok(Ok(me)) => Ok(format!(
            "{} is logged in to {catalog}",
            quoted::name(&me.name)
        )),
        Ok(Err(error)) => Err(Diagnostic::Session(error)),
        Err(_) => Err(Diagnostic::Slow(catalog.clone())),
    }
}

/// What is wrong without asking anyone.
pub(super) fn known(session: &Session) -> Option<Diagnostic> {
    match session.check() {
        // A refused key may be good again: the stack is asked, where its pause
        // allows.
        Ok(()) | Err(SessionError::KeyRefused { .. }) => None,
        Err(error) => Some(Diagnostic::Session(error)),
    }
}
