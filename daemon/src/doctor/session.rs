//! Whether the stack knows who is logged in, and for how long.

use quilt_proto::quoted;
use tokio::time::{Instant, timeout_at};

use super::{Ailment, Patient};
use crate::keys::Keys;
use crate::session::{Session, SessionError};

/// Asks the stack who is logged in.
pub(super) async fn check(
    patient: Patient<'_>,
    session: &Session,
    deadline: Instant,
) -> Result<String, Ailment> {
    if let Some(ailment) = known(session) {
        return Err(ailment);
    }
    let patience = deadline.saturating_duration_since(Instant::now());
    let ask = session.authorized(patience, true, |bearer| async move {
        patient.stack.me(&bearer.registry, &bearer.token).await
    });
    let catalog = session.catalog();
    match timeout_at(deadline, ask).await {
        Ok(Ok(me)) => Ok(format!(
            "{} is logged in to {catalog}",
            quoted::name(&me.name)
        )),
        Ok(Err(error)) => Err(Ailment::Session(error)),
        Err(_) => Err(Ailment::Slow(catalog.clone())),
    }
}

/// What is wrong without asking anyone.
pub(super) fn known(session: &Session) -> Option<Ailment> {
    match session.check() {
        // A refused key may be good again: the stack is asked, where its pause
        // allows.
        Ok(()) | Err(SessionError::KeyRefused { .. }) => None,
        Err(error) => Some(Ailment::Session(error)),
    }
}

/// What is to be done about API keys.
pub(super) fn keys(keys: &Keys, session: &Session) -> Vec<Ailment> {
    keys.notices(session)
        .into_iter()
        .map(Ailment::Key)
        .collect()
}
