//! Token endpoints: the registry's own, and OAuth's.

use http::StatusCode;
use quilt_proto::aws::{is_bearer, is_token};
use quilt_proto::{Quoted, Reason, RegistryUrl, Secret, Timestamp};
use serde::Deserialize;

use super::answer::Answer;
use super::{StackClient, StackError, paths};

/// Lifetime of an OAuth access token whose answer does not say, in seconds
/// (RFC 6749 leaves it to documentation; Quilt's clients assume an hour).
const OAUTH_DEFAULT_LIFETIME: i64 = 3600;

/// What is said of a token that is none.
const NO_TOKEN: &str = "a token is longer than any token, or has characters that no token has";

/// What a token endpoint gave.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// For `Authorization: Bearer`.
    pub access_token: Secret,
    /// Replaces the one sent; OAuth servers may leave it out.
    pub refresh_token: Option<Secret>,
    /// When the access token stops working.
    pub expires_at: Timestamp,
}

/// Exchanges a refresh token (a pasted code is one) at the registry's
/// `/api/token`. The token sent is rotated: keep the new one.
pub async fn exchange(
    stack: &StackClient,
    registry: &RegistryUrl,
    refresh_token: &Secret,
) -> Result<Tokens, StackError> {
    #[derive(Deserialize)]
    struct Granted {
        access_token: Option<Secret>,
        refresh_token: Option<Secret>,
        expires_at: Option<f64>,
        error: Option<String>,
    }
    let url = registry.join(paths::TOKEN);
    let form = [("refresh_token", refresh_token.expose())];
    let request = stack.client(&url)?.post(&url).form(&form);
    let secrets = [refresh_token];
    let judge = |status, answer: Answer| match status {
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED if answer.is_stacks() => {
            Err(rejected(&answer, status, &secrets))
        }
        // Who may not even ask has been stopped on the way.
        StatusCode::FORBIDDEN if answer.is_stacks() => Err(answer.failed(status)),
        status => answer.judged(status, &secrets),
    };
    let answer = stack.send_judged(request, judge).await?;
    let granted: Granted = answer.json()?;
    if let Some(error) = granted.error {
        let said = Quoted::without_tokens(&error, &[refresh_token]);
        return Err(StackError::TokenRejected {
            host: answer.host,
            message: Reason::theirs_or(said, "the login"),
        });
    }
    match (
        granted.access_token,
        granted.refresh_token,
        granted.expires_at,
    ) {
        (Some(access_token), Some(new), Some(expires_at)) if !new.expose().is_empty() => {
            if !is_bearer(&access_token) || !is_token(&new) {
                return Err(answer.invalid(NO_TOKEN));
            }
            Ok(Tokens {
                access_token,
                refresh_token: Some(new),
                expires_at: unix(expires_at),
            })
        }
        _ => Err(answer.invalid("a token is missing")),
    }
}

/// Refreshes at an OAuth token endpoint (RFC 6749, section 6).
pub async fn refresh(
    stack: &StackClient,
    endpoint: &str,
    client_id: &str,
    refresh_token: &Secret,
    now: Timestamp,
) -> Result<Tokens, StackError> {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", client_id),
        ("refresh_token", refresh_token.expose()),
    ];
    grant(stack, endpoint, &form, &[refresh_token], now).await
}

/// Posts to an OAuth token endpoint and reads an RFC 6749 answer.
pub(super) async fn grant(
    stack: &StackClient,
    endpoint: &str,
    form: &[(&str, &str)],
    secrets: &[&Secret],
    now: Timestamp,
) -> Result<Tokens, StackError> {
    #[derive(Deserialize)]
    struct Granted {
        access_token: Secret,
        refresh_token: Option<Secret>,
        expires_in: Option<f64>,
    }
    let request = stack.client(endpoint)?.post(endpoint).form(form);
    let judge = |status, answer: Answer| match (status, answer.oauth_error().as_deref()) {
        (StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED, Some("invalid_grant")) => {
            Err(rejected(&answer, status, secrets))
        }
        (StatusCode::FORBIDDEN, _) if answer.is_stacks() => Err(answer.failed(status)),
        _ => answer.judged(status, secrets),
    };
    let answer = stack.send_judged(request, judge).await?;
    let granted: Granted = answer.json()?;
    let refresh_token = granted
        .refresh_token
        .filter(|token| !token.expose().is_empty());
    if !is_bearer(&granted.access_token) || !refresh_token.as_ref().is_none_or(is_token) {
        return Err(answer.invalid(NO_TOKEN));
    }
    let lifetime = granted
        .expires_in
        .map_or(OAUTH_DEFAULT_LIFETIME, |s| unix(s).unix());
    Ok(Tokens {
        access_token: granted.access_token,
        refresh_token,
        expires_at: now.plus_seconds(lifetime),
    })
}

/// Revokes a token (RFC 7009).
pub async fn revoke(
    stack: &StackClient,
    endpoint: &str,
    client_id: &str,
    token: &Secret,
) -> Result<(), StackError> {
    let form = [("token", token.expose()), ("client_id", client_id)];
    let request = stack.client(endpoint)?.post(endpoint).form(&form);
    stack.send(request, &[token]).await.map(drop)
}

/// The stack's own no to a code or refresh token.
fn rejected(answer: &Answer, status: StatusCode, secrets: &[&Secret]) -> StackError {
    StackError::TokenRejected {
        host: answer.host.clone(),
        message: answer.message(status, secrets),
    }
}

/// Seconds as the stack writes them: an integer, or a float of one.
fn unix(seconds: f64) -> Timestamp {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "float casts saturate; fractions are cut"
    )]
    Timestamp::from_unix(seconds as i64)
}
