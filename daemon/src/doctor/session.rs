//! Whether the stack knows who is logged in, and for how long.

use quilt_proto::quoted;
use tokio::time::{Instant, timeout_at};

use super::{Diagnostic, DoctorContext};
use crate::session::{Session, SessionError};
use crate::stack;

/// Asks the stack who is logged in.
pub(super) async fn check(
    context: &DoctorContext<'_>,
    session: &Session,
    deadline: Instant,
) -> Result<String, Diagnostic> {
    if let Some(diagnostic) = known(session) {
        return Err(diagnostic);
    }
    let timeout = deadline.saturating_duration_since(Instant::now());
    let ask = session.authorized(timeout, true, |bearer| async move {
        stack::me::get(context.stack, &bearer.registry, &bearer.token).await
    });
    let catalog = session.catalog();
    match timeout_at(deadline, ask).await {
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
