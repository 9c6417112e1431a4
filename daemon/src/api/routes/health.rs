//! `GET /v1/health`.

use quilt_proto::api::ReadHealth;
use quilt_proto::wire::Health;

use crate::VERSION;
use crate::api::endpoint::{Call, Served};
use crate::api::error::ApiError;

pub(in crate::api) fn serve(served: Served) -> Served {
    served.serve(show)
}

async fn show(_: Call<ReadHealth>) -> Result<Health, ApiError> {
    Ok(Health {
        status: "ok".to_owned(),
        version: VERSION.to_owned(),
    })
}
