//! `GET /v1/health`.

use axum::Json;
use quilt_proto::wire::Health;

use crate::VERSION;

pub(in crate::api) async fn show() -> Json<Health> {
    Json(Health {
        status: "ok".to_owned(),
        version: VERSION.to_owned(),
    })
}
