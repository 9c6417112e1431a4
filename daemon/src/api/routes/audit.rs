//! `GET /v1/audit`.

use quilt_proto::Timestamp;
use quilt_proto::api::ReadAudit;
use quilt_proto::wire::{AuditEntry, Since, SinceError};

use crate::api::endpoint::Call;
use crate::api::error::ApiError;

pub(in crate::api) async fn list(call: Call<ReadAudit>) -> Result<Vec<AuditEntry>, ApiError> {
    let since = call.query.since.map(|since| since.parse::<Since>());
    let since = since.transpose();
    let since = since.map_err(|error: SinceError| ApiError::Input(error.to_string()))?;
    let since = since.map(|since| since.at(Timestamp::now()));
    Ok(call.app.audit.read(since).await?)
}
