//! `status --prompt`: a word for a shell's prompt.

use std::time::{Duration, Instant};

use quilt_proto::api::{ReadSession, SessionQuery};
use quilt_proto::wire::SessionState;

use crate::context::Context;
use crate::exit::Failure;
use crate::look::host;
use crate::output;

/// What a prompt can wait.
const TIMEOUT: Duration = Duration::from_millis(100);

/// The default catalog, with a mark where a login is needed. Says nothing
/// where there is nothing to say, and never fails: a prompt must not.
pub(super) fn run(context: &Context) -> Result<(), Failure> {
    ask(context).map_or(Ok(()), output::line)
}

fn ask(context: &Context) -> Option<String> {
    let deadline = Instant::now() + TIMEOUT;
    let client = context.client().ok()?.with_deadline(deadline);
    let session = client.send(&ReadSession(SessionQuery::default())).ok()?;
    let catalog = host(&session.catalog_url);
    match session.status.state {
        SessionState::Active => Some(catalog),
        SessionState::Expired => Some(format!("{catalog}!")),
        SessionState::LoggedOut => None,
    }
}
