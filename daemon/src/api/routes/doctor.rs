//! `GET /v1/doctor`.

use quilt_proto::api::ReadDiagnosis;
use quilt_proto::wire::Diagnosis;

use crate::api::endpoint::{Call, Served};
use crate::api::error::ApiError;
use crate::api::finding::{finding, problem};

pub(in crate::api) fn serve(served: Served) -> Served {
    served.serve(examine)
}

/// A catalog that cannot be told is one more finding: the rest is looked at
/// all the same.
async fn examine(Call { app, catalog, .. }: Call<ReadDiagnosis>) -> Result<Diagnosis, ApiError> {
    let session = app.session(catalog.as_deref());
    let examination = app.examine(session.as_ref().ok()).await;
    let unknown = session.err().map(|error| problem(&ApiError::from(error)));
    let settings = app.settings_path();
    let ailments = examination.ailments.into_iter();
    let found = ailments.map(|ailment| finding(ailment, &settings));
    Ok(Diagnosis {
        findings: unknown.into_iter().chain(found).collect(),
        proven: examination.proven,
        settings: Some(settings.display().to_string()),
    })
}
