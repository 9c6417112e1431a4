//! `GET /v1/status`.

use quilt_proto::api::ReadStatus;
use quilt_proto::wire::Status;

use crate::api::endpoint::Call;
use crate::api::error::ApiError;
use crate::api::findings;

pub(in crate::api) async fn show(call: Call<ReadStatus>) -> Result<Status, ApiError> {
    let app = &call.app;
    let asked = call.catalog.as_deref();
    let catalog = asked.map(|asked| app.catalog(Some(asked))).transpose()?;
    if let Some(catalog) = &catalog {
        app.sessions.session(catalog);
    }
    Ok(findings::status(app, catalog.as_ref()))
}
