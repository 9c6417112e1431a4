//! `status --prompt`: a word for a shell's prompt.

use std::time::{Duration, Instant};

use quilt_client::blocking::Client;
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
    let Ok(client) = context.client() else {
        return Ok(());
    };
    match ask(&client) {
        Some(text) => output::line(text),
        None => Ok(()),
    }
}

fn ask(client: &Client) -> Option<String> {
    let client = client.clone().with_deadline(Instant::now() + TIMEOUT);
    let session = client.send(&ReadSession(SessionQuery::default())).ok()?;
    let catalog = host(&session.catalog_url);
    match session.status.state {
        SessionState::Active => Some(catalog),
        SessionState::Expired => Some(format!("{catalog}!")),
        SessionState::LoggedOut => None,
    }
}
