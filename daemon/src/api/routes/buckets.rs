//! `GET /v1/buckets`.

use quilt_proto::api::ListBuckets;
use quilt_proto::wire::Bucket;

use crate::api::endpoint::Call;
use crate::api::error::ApiError;
use crate::session::bearer;
use crate::stack;

/// A refusal may be about the list alone, so it ends no session.
pub(in crate::api) async fn list(call: Call<ListBuckets>) -> Result<Vec<Bucket>, ApiError> {
    let session = call.session()?;
    let buckets = session
        .authorized(bearer::ANSWER_TIMEOUT, false, |bearer| {
            let stack = &call.app.stack;
            async move { stack::buckets::list(stack, &bearer.registry, &bearer.token).await }
        })
        .await?;
    Ok(buckets)
}
