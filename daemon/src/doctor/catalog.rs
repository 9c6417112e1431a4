//! Whether the catalog answers, and what time it is there.

use std::time::Duration;

use quilt_network::{Failure, Origin};
use tokio::time::{Instant, timeout_at};

use super::{Diagnostic, DoctorContext};
use crate::session::Session;
use crate::stack::StackError;

/// How long the catalog may take; the rest of the time is for the stack. A
/// little longer than a connection may: its failure says what is in the way.
const TIMEOUT: Duration = Duration::from_millis(5500);

/// How far apart clocks may be, in seconds. AWS takes requests that are up to
/// five minutes off.
const TOLERANCE: i64 = 60;

/// Asks the catalog for its configuration, and looks at the clock beside it.
pub(super) async fn check(
    context: DoctorContext<'_>,
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
    let now = context.clock.now().wall;
    let ahead = config.date.map(|date| now.seconds_since(date));
    match ahead {
        Some(ahead) if ahead.abs() > TOLERANCE => Err(Diagnostic::ClockSkew {
            catalog: catalog.clone(),
            ahead,
        }),
        Some(_) => Ok(format!(
            "{catalog} answers, and its clock agrees with this machine's"
        )),
        None => Ok(format!("{catalog} answers")),
    }
}
