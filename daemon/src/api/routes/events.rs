//! `GET /v1/events`: the status, again whenever it changes, as server-sent
//! events (WHATWG HTML, section 9.2).

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::{Stream, stream};
use quilt_proto::wire::Status;
use tokio::sync::watch;

use crate::api::error::ApiError;
use crate::api::finding;
use crate::app::App;
use crate::listen::ConnectionSlot;

pub(in crate::api) async fn stream(
    State(app): State<Arc<App>>,
    Extension(slot): Extension<ConnectionSlot>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    slot.stream()?;
    let watched = (app.changes(), None);
    let events = stream::unfold((app, watched), |(app, (mut changes, last))| async move {
        let status = next_change(&app, &mut changes, last.as_ref()).await?;
        let event = Event::default().event("status").json_data(&status).ok()?;
        Some((Ok(event), (app, (changes, Some(status)))))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

/// The status once it differs from `last`; `None` when the daemon stops.
async fn next_change(
    app: &App,
    changes: &mut watch::Receiver<u64>,
    last: Option<&Status>,
) -> Option<Status> {
    loop {
        changes.borrow_and_update();
        let status = finding::status(app, None);
        if last != Some(&status) {
            return Some(status);
        }
        tokio::select! {
            told = changes.changed() => told.ok()?,
            () = app.shutdown.cancelled() => return None,
        }
    }
}
