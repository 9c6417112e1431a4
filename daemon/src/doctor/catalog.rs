//! Whether the catalog answers.

use std::time::Duration;

use quilt_network::{Failure, Origin};
use tokio::time::{Instant, timeout_at};

use super::{Diagnostic, DoctorContext, clock};
use crate::session::Session;
use crate::stack::StackError;

/// How long the catalog may take; the rest of the time is for the stack. A
/// little longer than a connection may: its failure says what is in the way.
const TIMEOUT: Duration = Duration::from_millis(5500);

/// Asks the catalog for its configuration, and looks at the clock beside it.
pub(super) async fn check(
    context: &DoctorContext<'_>,
    session: &Session,
    deadline: Instant,
) -> Result<String, Diagnostic> {
    let catalog = session.catalog();
    let deadline = deadline.min(Instant::now() + TIMEOUT);
    let asked = timeout_at(deadline, context.stack.discover(catalog)).await;
    let unreachable = |source| Diagnostic::Unreachable {
        catalog: catalog.clone(),
        source,
    };
    let config = match asked {
        Ok(answer) => answer.map_err(unreachable)?,
        Err(_) => {
            return Err(unreachable(StackError::Unreachable {
                host: Origin::parse(catalog.as_str()),
                failure: Failure::Timeout,
            }));
        }
    };
    clock::check(catalog, context.clock.now().wall, config.date).map_err(|skew| *skew)
}
