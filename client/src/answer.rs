//! Bodies as typed answers or problems.

use std::time::Duration;

use quilt_proto::Problem;
use quilt_proto::api::Endpoint;
pub(crate) use quilt_proto::api::MAX_ANSWER as MAX_BODY;

use crate::Error;

/// How long a call may take unless said otherwise. The daemon itself gives up
/// on a stack earlier.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_mins(1);

/// Refuses every answer that is not a success.
pub(crate) fn check(status: u16, body: &[u8]) -> Result<(), Error> {
    match status {
        200..=299 => Ok(()),
        400..=599 => Err(serde_json::from_slice::<Problem>(body).map_or(
            Error::InvalidAnswer("an error without an error code"),
            |problem| Error::Problem(Box::new(problem)),
        )),
        _ => Err(Error::InvalidAnswer("an unexpected HTTP status")),
    }
}

/// The typed answer of a successful request. An empty body says nothing: it is JSON's
/// `null`, or an object without members, where none has to be there.
pub(crate) fn decode<E: Endpoint>(body: &[u8]) -> Result<E::Answer, Error> {
    let decoded = if body.is_empty() {
        serde_json::from_slice(b"null").or_else(|_| serde_json::from_slice(b"{}"))
    } else {
        serde_json::from_slice(body)
    };
    decoded.map_err(|_| Error::InvalidAnswer("a body of another shape"))
}

#[cfg(test)]
mod tests {
    use quilt_proto::api::{Logout, ReadToken};
    use quilt_proto::{ErrorCode, wire::TokenKind};

    use super::*;

    #[test]
    fn answers_are_decoded() {
        let body = br#"{"token":"t","expires_at":null,"kind":"api_key","new_field":1}"#;
        assert_eq!(decode::<ReadToken>(body).unwrap().kind, TokenKind::ApiKey);
        decode::<Logout>(b"").unwrap();
    }

    #[test]
    fn nothing_of_a_bad_body_is_quoted() {
        let error = decode::<ReadToken>(br#"{"token":"qk_canary","kind":1}"#).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"));
    }

    #[test]
    fn problems_are_parsed() {
        let body = br#"{"type":"t","title":"t","status":401,"detail":"d","code":"login_required"}"#;
        let Err(Error::Problem(problem)) = check(401, body) else {
            panic!("no problem");
        };
        assert_eq!(problem.code, ErrorCode::LoginRequired);
        assert!(matches!(
            check(500, b"<html>"),
            Err(Error::InvalidAnswer(_))
        ));
        assert!(matches!(check(302, b""), Err(Error::InvalidAnswer(_))));
    }
}
