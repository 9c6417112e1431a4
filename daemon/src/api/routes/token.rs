//! `GET /v1/token`.

use quilt_proto::api::ReadToken;
use quilt_proto::wire::Token;

use crate::api::endpoint::Call;
use crate::api::error::ApiError;
use crate::session::bearer;

pub(in crate::api) async fn show(call: Call<ReadToken>) -> Result<Token, ApiError> {
    let bearer = call.session()?.bearer(bearer::ANSWER_TIMEOUT).await?;
    Ok(Token {
        token: bearer.token,
        expires_at: bearer.expires_at,
        kind: bearer.kind,
    })
}
