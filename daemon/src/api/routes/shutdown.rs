//! `POST /v1/shutdown`.

use std::sync::atomic::Ordering;

use quilt_proto::api::Shutdown;

use crate::api::endpoint::Call;
use crate::api::error::ApiError;

pub(in crate::api) async fn stop(call: Call<Shutdown>) -> Result<(), ApiError> {
    tracing::info!("stopping on request");
    if call.query.again {
        call.app.again.store(true, Ordering::Relaxed);
    }
    call.app.shutdown.cancel();
    Ok(())
}
