//! One request of the SDK, carried to the real registry.

use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use quilt_network::{Failure, Origin};
use quilt_proto::{Reason, RegistryUrl, Secret};
use serde_json::Value;

use super::graphql;
use super::secret_filter::{Quotable, contains, is_quoted, without_secret};
use crate::body_memory::{BodyMemory, Holder};
use crate::json_document;
use crate::session::{Session, SessionError};
use crate::stack::{Forward, Forwarded, StackClient, StackError, is_encoded};

/// How long a caller waits for a bearer token that has to be fetched first.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Largest answer that is looked into before it is passed on, in bytes.
const LOOK: usize = 256 * 1024;

/// What of an answer needs no room of its own, in bytes; the room for all that is
/// looked into beyond that, and what one registry has of it.
const SMALL: usize = 8 * 1024;
const ROOM: usize = 64 * LOOK;
const SHARE: usize = ROOM / 2;
static LOOKS: LazyLock<Arc<BodyMemory>> = LazyLock::new(|| BodyMemory::new(ROOM, SHARE));

/// How long a registry's answers wait for each other.
const WAIT: Duration = Duration::from_secs(30);

/// Carries a request as whoever the session is. An answer that may refuse the
/// bearer token is not believed: the stack is asked whose it is, and only what
/// it does not know is replaced. Any other refusal comes back as it was said,
/// without the token. It is cut off once the grant is `revoked`.
pub async fn forward(
    stack: &StackClient,
    session: &Arc<Session>,
    mut request: Forward,
    revoked: &CancellationToken,
) -> Result<Forwarded, SessionError> {
    let is_graphql = graphql::is_graphql(&request);
    // Answers are looked into.
    let identity = HeaderValue::from_static("identity");
    request.headers.insert(header::ACCEPT_ENCODING, identity);
    let refusal = Mutex::new(None);
    let carrying = session.authorized(TIMEOUT, false, |bearer| {
        let (request, refusal) = (&request, &refusal);
        let held_no_more = Arc::clone(session).held_no_more(session.holder());
        let revoked = revoked.clone();
        let ended = async move {
            tokio::select! {
                () = held_no_more => {}
                () = revoked.cancelled_owned() => {}
            }
        };
        async move {
            let registry = &bearer.registry;
            let answer = stack.forward(registry, &bearer.token, request).await?;
            let (answer, is_doubtful) =
                look(answer, is_graphql, registry, &bearer.token, ended).await?;
            if !is_doubtful {
                return Ok(answer);
            }
            *refusal.lock() = Some(answer);
            Err(StackError::Unauthorized {
                host: String::new(),
                message: Reason::Own(""),
            })
        }
    });
    // What is on its way holds the token of a login or key that is taken away.
    let carried = tokio::select! {
        carried = carrying => carried,
        ended = session.ended() => Err(ended),
        () = revoked.cancelled() => Err(session.logged_out()),
    };
    let refusal = refusal.into_inner();
    match (carried, refusal) {
        (Err(SessionError::Stack(StackError::Unauthorized { .. })), Some(refusal)) => Ok(refusal),
        (carried, _) => carried,
    }
}

/// Looks into an answer that may be a refusal of the bearer token; answers
/// whether it may. It is cut off once the session has `ended`.
async fn look(
    answer: Forwarded,
    is_graphql: bool,
    registry: &RegistryUrl,
    bearer: &Secret,
    ended: impl Future<Output = ()> + Send + 'static,
) -> Result<(Forwarded, bool), StackError> {
    let secret = Quotable::new(bearer);
    if answer
        .headers()
        .values()
        .any(|value| secret.is_in(value.as_bytes()))
    {
        return Err(not_passed_on("it quotes a secret"));
    }
    if is_encoded(answer.headers()) {
        return Err(not_passed_on("it is encoded, which nobody asked for"));
    }
    let status = answer.status();
    let is_refusal = status == StatusCode::UNAUTHORIZED;
    let may_refuse = is_refusal || is_graphql && status == StatusCode::OK;
    let (parts, body) = answer.into_parts();
    let mut body = body.into_data_stream();
    let mut begun = Vec::new();
    // What is no success may quote what it refuses: it is read before any of it
    // is passed on, so that it can be said what is wrong with it.
    if may_refuse || !status.is_success() {
        let holder = Holder::Named(registry.as_str().to_owned());
        let place = LOOKS.enter(holder, LOOK);
        while begun.len() <= LOOK {
            let Some(data) = body.next().await else {
                if secret.is_in(&begun) {
                    return Err(not_passed_on("it quotes a secret"));
                }
                let is_doubtful = is_refusal || may_refuse && is_doubtful(&begun);
                let whole = Forwarded::from_parts(parts, begun.into());
                return Ok((whole, is_doubtful));
            };
            let broken = || StackError::Unreachable {
                host: Origin::parse("the stack"),
                failure: Failure::BrokenAnswer,
            };
            let data = data.map_err(|_| broken())?;
            let length = begun.len() + data.len();
            // However slowly its answers come, no registry keeps another's from
            // being looked into.
            if length > SMALL && place.hold(length, WAIT).await.is_err() {
                return Err(broken());
            }
            begun.extend_from_slice(&data);
        }
    }
    // Nothing so large is about who we are.
    let begun = Some(Bytes::from(begun)).filter(|begun| !begun.is_empty());
    let body = stream::iter(begun.map(Ok)).chain(body);
    let mut body = Box::pin(without_secret(body, bearer, ended));
    // While nothing was passed on, it can be said what is wrong.
    let first = body.next().await;
    if matches!(&first, Some(Err(error)) if is_quoted(error)) {
        return Err(not_passed_on("it quotes a secret"));
    }
    let body = reqwest::Body::wrap_stream(stream::iter(first).chain(body));
    Ok((Forwarded::from_parts(parts, body), false))
}

/// What must not reach who holds a grant.
fn not_passed_on(reason: &str) -> StackError {
    StackError::invalid("the registry", reason)
}

/// Whether a GraphQL answer may be one to somebody the stack does not know:
/// `{"data":{"me":null}}`, or errors.
fn is_doubtful(body: &[u8]) -> bool {
    if !contains(body, b"null") && !contains(body, b"\"errors\"") {
        return false;
    }
    let answer: Value = json_document::parse(body).unwrap_or_default();
    let errors = answer["errors"].as_array();
    answer["data"].get("me").is_some_and(Value::is_null)
        || errors.is_some_and(|errors| !errors.is_empty())
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

    /// An answer that begins, and goes on with `rest`.
    fn answer(
        rest: impl futures_util::Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static,
    ) -> Forwarded {
        let begun = Bytes::from(vec![b' '; SMALL + 1]);
        let body = stream::iter([Ok(begun)]).chain(rest);
        Forwarded::new(reqwest::Body::wrap_stream(body))
    }

    #[tokio::test(start_paused = true)]
    async fn a_registry_whose_answers_do_not_end_keeps_no_other_waiting() {
        let registry = |name: &str| -> RegistryUrl { name.parse().unwrap() };
        let slow = registry("https://slow.example");
        let mut looking = tokio::task::JoinSet::new();
        for _ in 0..200 {
            let slow = slow.clone();
            looking.spawn(async move {
                let bearer = Secret::new("a bearer token");
                look(
                    answer(stream::pending()),
                    true,
                    &slow,
                    &bearer,
                    std::future::pending(),
                )
                .await
            });
        }
        let a_while = Duration::from_secs(1);
        assert!(
            tokio::time::timeout(a_while, looking.join_next())
                .await
                .is_err(),
            "they do not end"
        );
        let (other, bearer) = (
            registry("https://other.example"),
            Secret::new("a bearer token"),
        );
        let looked = look(
            answer(stream::empty()),
            true,
            &other,
            &bearer,
            std::future::pending(),
        );
        let looked = tokio::time::timeout(a_while, looked).await;
        assert!(looked.expect("it does not wait").is_ok());
    }
}
