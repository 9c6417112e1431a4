//! `GET /v1/health`.

use quilt_proto::api::ReadHealth;
use quilt_proto::wire::Health;

use crate::VERSION;
use crate::api::endpoint::Call;
use crate::api::error::ApiError;

pub(in crate::api) async fn show(_: Call<ReadHealth>) -> Result<Health, ApiError> {
    Ok(Health {
        status: "ok".to_owned(),
        version: VERSION.to_owned(),
    })
}
