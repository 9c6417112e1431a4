//! `GET /v1/token`.

use std::time::Duration;

use quilt_proto::api::ReadToken;
use quilt_proto::wire::Token;

use crate::api::endpoint::{Call, Served};
use crate::api::error::ApiError;

/// How long a caller waits for a token that has to be fetched.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(in crate::api) fn serve(served: Served) -> Served {
    served.serve(show)
}

async fn show(call: Call<ReadToken>) -> Result<Token, ApiError> {
    let bearer = call.session()?.bearer(TIMEOUT).await?;
    Ok(Token {
        token: bearer.token,
        expires_at: bearer.expires_at,
        kind: bearer.kind,
    })
}
