//! `POST /v1/handover`.

use quilt_proto::api::OfferKeys;
use quilt_proto::wire::KeyOffer;

use crate::api::endpoint::Call;
use crate::api::error::ApiError;

pub(in crate::api) async fn offer(call: Call<OfferKeys>) -> Result<KeyOffer, ApiError> {
    let app = call.app;
    app.settle_keys().await;
    // It binds a socket and looks at directories.
    let offered = tokio::task::spawn_blocking(move || app.offer_keys()).await;
    let offered = offered.map_err(|error| ApiError::Machine(error.to_string()))?;
    offered.map_err(|error| ApiError::Machine(error.to_string()))
}
