//! `GET /v1/doctor`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use quilt_proto::wire::Diagnosis;
use serde::Deserialize;

use crate::api::error::ApiError;
use crate::api::extract::Params;
use crate::api::finding::{finding, problem};
use crate::app::App;

#[derive(Deserialize)]
pub(in crate::api) struct Asked {
    catalog: Option<String>,
}

/// A catalog that cannot be told is one more finding: the rest is looked at
/// all the same.
pub(in crate::api) async fn examine(
    State(app): State<Arc<App>>,
    Params(asked): Params<Asked>,
) -> Result<Json<Diagnosis>, ApiError> {
    let session = app.session(asked.catalog.as_deref());
    let examination = app.examine(session.as_ref().ok()).await;
    let unknown = session.err().map(|error| problem(&ApiError::from(error)));
    let settings = app.settings_path();
    let ailments = examination.ailments.into_iter();
    let found = ailments.map(|ailment| finding(ailment, &settings));
    Ok(Json(Diagnosis {
        findings: unknown.into_iter().chain(found).collect(),
        proven: examination.proven,
        settings: Some(settings.display().to_string()),
    }))
}
