//! One request of the SDK, carried to the real registry.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use quilt_proto::Secret;
use serde_json::Value;

use crate::session::{Session, SessionError};
use crate::stack::{Forward, Forwarded, StackClient, StackError};

/// How long a caller waits for a bearer token that has to be fetched first.
const PATIENCE: Duration = Duration::from_secs(10);

/// Largest answer that is looked into before it is passed on, in bytes.
const LOOK: usize = 256 * 1024;

/// An answer to pass on.
pub enum Carried {
    /// As it comes.
    Stream(Forwarded),
    /// It had to be looked into.
    Whole(Response<Bytes>),
}

/// Carries a request as whoever the session is. A refusal of the bearer token
/// is answered by a fresh one and one more try; what is refused then comes
/// back as the registry said it.
pub async fn carry(
    stack: &StackClient,
    session: &Session,
    request: Forward,
) -> Result<Carried, SessionError> {
    let registry = session.registry().await?;
    let is_graphql = request.target.split('?').next() == Some("/graphql");
    let refusal = Mutex::new(None);
    let carried = session
        .authorized(PATIENCE, is_graphql, |bearer| {
            let (registry, request, refusal) = (&registry, &request, &refusal);
            async move {
                let answer = stack.forward(registry, &bearer.token, request).await?;
                let (carried, verdict) = look(answer, is_graphql, &bearer.token).await?;
                let is_refused = match verdict {
                    Verdict::Fine => false,
                    Verdict::Refused => true,
                    Verdict::Doubtful => stack.disowns(registry, &bearer.token, "").await,
                };
                if !is_refused {
                    return Ok(carried);
                }
                *refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(carried);
                Err(StackError::Unauthorized {
                    host: String::new(),
                    message: String::new(),
                })
            }
        })
        .await;
    let refusal = refusal.into_inner().unwrap_or_else(PoisonError::into_inner);
    match (carried, refusal) {
        // Not of who we are, but of what was asked.
        (Err(SessionError::Stack(StackError::Unauthorized { .. })), Some(refusal)) => Ok(refusal),
        (carried, _) => carried,
    }
}

/// What an answer says of the bearer token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Fine,
    /// An error that may be about the token.
    Doubtful,
    Refused,
}

/// Looks into answers that may refuse the bearer token.
async fn look(
    answer: Forwarded,
    is_graphql: bool,
    bearer: &Secret,
) -> Result<(Carried, Verdict), StackError> {
    let status = answer.status();
    let is_refusal = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    let may_refuse = is_graphql && status == StatusCode::OK && is_small(&answer);
    if !is_refusal && !may_refuse {
        return Ok((Carried::Stream(answer), Verdict::Fine));
    }
    let (mut parts, body) = answer.into_parts();
    let unread = |_| StackError::Unreachable {
        host: "the stack".to_owned(),
        reason: "broke off its answer".to_owned(),
    };
    let mut body = Limited::new(body, LOOK)
        .collect()
        .await
        .map_err(unread)?
        .to_bytes();
    // A refusal that quotes the token must not hand it to who holds a grant.
    if is_refusal && contains(&body, bearer.expose().as_bytes()) {
        body = Bytes::from_static(b"{\"message\":\"refused\"}");
        parts.headers.remove(header::CONTENT_LENGTH);
    }
    let verdict = if is_refusal {
        Verdict::Refused
    } else {
        graphql_verdict(&body)
    };
    Ok((Carried::Whole(Response::from_parts(parts, body)), verdict))
}

fn is_small(answer: &Forwarded) -> bool {
    let length = answer.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    length.is_some_and(|length| length <= LOOK)
}

/// A stack answers somebody it does not know with `{"data":{"me":null}}`, or
/// with errors.
fn graphql_verdict(body: &[u8]) -> Verdict {
    if !contains(body, b"\"me\"") && !contains(body, b"\"errors\"") {
        return Verdict::Fine;
    }
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    if answer["data"].get("me").is_some_and(Value::is_null) {
        Verdict::Refused
    } else if answer["errors"]
        .as_array()
        .is_some_and(|errors| !errors.is_empty())
    {
        Verdict::Doubtful
    } else {
        Verdict::Fine
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_user_is_told_from_other_answers() {
        for (body, verdict) in [
            (&b"{\"data\": {\"me\": null}}"[..], Verdict::Refused),
            (b"{\"data\":null,\"errors\":[{}]}", Verdict::Doubtful),
            (b"{\"data\":{\"me\":{}},\"errors\":[]}", Verdict::Fine),
            (b"{\"data\":{\"you\":null}}", Verdict::Fine),
            (b"\"me\"", Verdict::Fine),
            (b"", Verdict::Fine),
        ] {
            assert_eq!(graphql_verdict(body), verdict);
        }
    }
}
