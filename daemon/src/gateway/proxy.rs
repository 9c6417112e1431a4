//! One request of the SDK, carried to the real registry.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{StatusCode, header};
use http_body_util::BodyExt;
use quilt_network::{Failure, Origin};
use quilt_proto::{Reason, Secret};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::graphql;
use crate::session::{Session, SessionError};
use crate::stack::{Forward, Forwarded, StackClient, StackError};

/// How long a caller waits for a bearer token that has to be fetched first.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Largest answer that is looked into before it is passed on, in bytes.
const LOOK: usize = 256 * 1024;

/// How many answers are looked into at once.
static LOOKS: Semaphore = Semaphore::const_new(64);

/// Carries a request as whoever the session is. An answer that may refuse the
/// bearer token is not believed: the stack is asked whose it is, and only what
/// it does not know is replaced. Any other refusal comes back as it was said.
pub async fn forward(
    stack: &StackClient,
    session: &Session,
    mut request: Forward,
) -> Result<Forwarded, SessionError> {
    let is_graphql = graphql::is_asked(&request);
    if is_graphql {
        // Its answers are looked into.
        request.headers.remove(header::ACCEPT_ENCODING);
    }
    let refusal = Mutex::new(None);
    let carried = session
        .authorized(TIMEOUT, false, |bearer| {
            let (request, refusal) = (&request, &refusal);
            async move {
                let registry = &bearer.registry;
                let answer = stack.forward(registry, &bearer.token, request).await?;
                let (answer, is_doubtful) = look(answer, is_graphql, &bearer.token).await?;
                if !is_doubtful {
                    return Ok(answer);
                }
                *refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
                Err(StackError::Unauthorized {
                    host: String::new(),
                    message: Reason::Own(""),
                })
            }
        })
        .await;
    let refusal = refusal.into_inner().unwrap_or_else(PoisonError::into_inner);
    match (carried, refusal) {
        (Err(SessionError::Stack(StackError::Unauthorized { .. })), Some(refusal)) => Ok(refusal),
        (carried, _) => carried,
    }
}

/// Looks into an answer that may be a refusal of the bearer token; answers
/// whether it may.
async fn look(
    answer: Forwarded,
    is_graphql: bool,
    bearer: &Secret,
) -> Result<(Forwarded, bool), StackError> {
    let bearer = bearer.expose().as_bytes();
    if answer
        .headers()
        .values()
        .any(|value| contains(value.as_bytes(), bearer))
    {
        return Err(quotes_the_token());
    }
    let status = answer.status();
    let is_refusal = status == StatusCode::UNAUTHORIZED;
    // What is refused may be refused by quoting it.
    let may_quote = status.is_client_error();
    let may_refuse = is_refusal || is_graphql && status == StatusCode::OK;
    if !may_refuse && !may_quote {
        return Ok((answer, false));
    }
    // Never closed.
    let _permit = LOOKS.acquire().await;
    let (parts, mut body) = answer.into_parts();
    let mut begun = Vec::new();
    while begun.len() <= LOOK {
        let Some(frame) = body.frame().await else {
            if contains(&begun, bearer) {
                return Err(quotes_the_token());
            }
            let is_doubtful = is_refusal || may_refuse && is_doubtful(&begun);
            let whole = Forwarded::from_parts(parts, begun.into());
            return Ok((whole, is_doubtful));
        };
        let frame = frame.map_err(|_| StackError::Unreachable {
            host: Origin::parse("the stack"),
            failure: Failure::BrokenAnswer,
        })?;
        if let Ok(data) = frame.into_data() {
            begun.extend_from_slice(&data);
        }
    }
    // Nothing so large is about who we are.
    let begun = stream::once(std::future::ready(Ok(Bytes::from(begun))));
    let body = reqwest::Body::wrap_stream(begun.chain(body.into_data_stream()));
    Ok((Forwarded::from_parts(parts, body), false))
}

/// What holds the token must not reach who holds a grant.
fn quotes_the_token() -> StackError {
    StackError::Invalid {
        host: "the registry".to_owned(),
        reason: "it quotes a secret".to_owned(),
    }
}

/// Whether a GraphQL answer may be one to somebody the stack does not know:
/// `{"data":{"me":null}}`, or errors.
fn is_doubtful(body: &[u8]) -> bool {
    if !contains(body, b"null") && !contains(body, b"\"errors\"") {
        return false;
    }
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let errors = answer["errors"].as_array();
    answer["data"].get("me").is_some_and(Value::is_null)
        || errors.is_some_and(|errors| !errors.is_empty())
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_to_nobody_are_told_from_others() {
        for (body, doubtful) in [
            (&b"{\"data\": {\"me\": null}}"[..], true),
            (b"{\"data\":null,\"errors\":[{}]}", true),
            (b"{\"data\":{\"me\":{}},\"errors\":[]}", false),
            (b"{\"data\":{\"you\":null}}", false),
            (b"null", false),
            (b"", false),
        ] {
            assert_eq!(is_doubtful(body), doubtful);
        }
    }
}
