//! `GET /v1/events`: the status, again whenever it changes, as server-sent
//! events (WHATWG HTML, section 9.2).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::{Stream, stream};

use crate::api::error::ApiError;
use crate::api::finding;
use crate::app::App;
use crate::listen::ConnectionSlot;

/// How often to look for a change, only while somebody watches.
const LOOK: Duration = Duration::from_millis(500);

pub(in crate::api) async fn stream(
    State(app): State<Arc<App>>,
    Extension(slot): Extension<ConnectionSlot>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    slot.stream()?;
    let events = stream::unfold((app, None), |(app, last)| async move {
        let status = next_change(&app, last.as_ref()).await?;
        let event = Event::default().event("status").json_data(&status).ok()?;
        Some((Ok(event), (app, Some(status))))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

/// The status once it differs from `last`; `None` when the daemon stops.
async fn next_change(
    app: &App,
    last: Option<&quilt_proto::wire::Status>,
) -> Option<quilt_proto::wire::Status> {
    loop {
        app.follow_store().await;
        let status = finding::status(app, None);
        if last != Some(&status) {
            return Some(status);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = app.shutdown.cancelled() => return None,
        }
    }
}
