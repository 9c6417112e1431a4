//! `POST /v1/shutdown`.

use quilt_proto::api::Shutdown;

use crate::api::endpoint::{Call, Served};
use crate::api::error::ApiError;

pub(in crate::api) fn serve(served: Served) -> Served {
    served.serve(stop)
}

async fn stop(call: Call<Shutdown>) -> Result<(), ApiError> {
    tracing::info!("stopping on request");
    call.app.shutdown.cancel();
    Ok(())
}
