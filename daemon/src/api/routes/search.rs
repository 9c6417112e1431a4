//! `POST /v1/search`.

use quilt_proto::api::RunSearch;
use serde_json::Value;

use crate::api::endpoint::Call;
use crate::api::error::ApiError;
use crate::session::bearer;
use crate::stack;

/// A refusal may be about the search alone, so it ends no session.
pub(in crate::api) async fn run(call: Call<RunSearch>) -> Result<Vec<Value>, ApiError> {
    let session = call.session()?;
    session
        .authorized(bearer::ANSWER_TIMEOUT, false, |bearer| {
            let (stack, search) = (&call.app.stack, &call.body);
            async move { stack::search::search(stack, &bearer.registry, &bearer.token, search).await }
        })
        .await
        .map_err(ApiError::Search)
}
