//! `GET /v1/events`: the status, again whenever it changes, as server-sent
//! events (WHATWG HTML, section 9.2).

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive};
use axum::response::{IntoResponse, Response, Sse};
use futures_util::stream;
use quilt_proto::api::ReadEvents;
use quilt_proto::wire::Status;
use tokio::sync::watch;

use crate::api::endpoint::Call;
use crate::api::error::ApiError;
use crate::api::findings;
use crate::app::App;
use crate::listen::ConnectionSlot;

/// How often something is sent although nothing has changed. A socket tells at
/// once of who hangs up; this is for what may stand between.
const KEEP_ALIVE: Duration = Duration::from_mins(1);

pub(in crate::api) async fn stream(call: Call<ReadEvents>) -> Result<Response, ApiError> {
    if let Some(slot) = call.extension::<ConnectionSlot>() {
        slot.stream().map_err(ApiError::Streams)?;
    }
    let watched = (call.app.changes(), None);
    let events = stream::unfold(
        (call.app, watched),
        |(app, (mut changes, last))| async move {
            let status = next_change(&app, &mut changes, last.as_ref()).await?;
            let event = Event::default().event("status").json_data(&status).ok()?;
            Some((Ok::<_, Infallible>(event), (app, (changes, Some(status)))))
        },
    );
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    let events = Sse::new(events).keep_alive(keep_alive);
    Ok(events.into_response())
}

/// The status once it differs from `last`; `None` when the daemon stops.
async fn next_change(
    app: &App,
    changes: &mut watch::Receiver<u64>,
    last: Option<&Status>,
) -> Option<Status> {
    loop {
        changes.borrow_and_update();
        let status = findings::status(app, None);
        if last != Some(&status) {
            return Some(status);
        }
        tokio::select! {
            told = changes.changed() => told.ok()?,
            () = app.shutdown.cancelled() => return None,
        }
    }
}
