//! `POST /v1/search`.

use quilt_proto::api::RunSearch;
use serde_json::Value;

use super::TOKEN_TIMEOUT;
use crate::api::endpoint::{Call, Served};
use crate::api::error::ApiError;

pub(in crate::api) fn serve(served: Served) -> Served {
    served.serve(run)
}

/// A refusal may be about the search alone, so it ends no session.
async fn run(call: Call<RunSearch>) -> Result<Vec<Value>, ApiError> {
    let session = call.session()?;
    session
        .authorized(TOKEN_TIMEOUT, false, |bearer| {
            let (stack, search) = (&call.app.stack, &call.body);
            async move { stack.search(&bearer.registry, &bearer.token, search).await }
        })
        .await
        .map_err(ApiError::Search)
}
