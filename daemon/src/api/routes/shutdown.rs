//! `POST /v1/shutdown`.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;

use crate::app::App;

pub(in crate::api) async fn stop(State(app): State<Arc<App>>) -> StatusCode {
    tracing::info!("stopping on request");
    app.shutdown.cancel();
    StatusCode::NO_CONTENT
}
