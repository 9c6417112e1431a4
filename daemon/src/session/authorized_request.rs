//! Requests made as the user, and what a refusal of them means.

use std::future::Future;
use std::time::Duration;

use quilt_proto::wire::{Me, TokenKind};

use super::token_rotation::AccessToken;
use super::{Bearer, RECHECK, Session, SessionError};
use crate::clock::{Deadline, Moment};
use crate::stack::StackError;

/// For how long refusals rotate nothing after a rotation did not help, in
/// seconds; twice as long each further time.
const FIRST_BACKOFF: i64 = 30;

/// The longest such while, in seconds.
const LONGEST_BACKOFF: i64 = 300;

impl Session {
    /// Runs a request of this session. A 401 on a token that looks valid is
    /// answered by a forced refresh and one more try; when the refreshed one
    /// came from another daemon, it may be as old: then once more. If that is
    /// refused, too, an API key counts as refused. A login does not: the token
    /// endpoint has just renewed it, so it stands, and for a while no further
    /// refusal rotates its tokens. Where a refusal is not `is_about_token`, because
    /// it may be about what was asked for, the stack is first asked whose the
    /// token is.
    pub async fn authorized<T, F>(
        &self,
        timeout: Duration,
        is_about_token: bool,
        request: impl Fn(Bearer) -> F,
    ) -> Result<T, SessionError>
    where
        F: Future<Output = Result<T, StackError>>,
    {
        let first = self.bearer(timeout).await?;
        let outcome = request(first.clone()).await;
        if !self.refuses(&outcome, &first, is_about_token).await {
            return self.answered(&first, outcome);
        }
        if let Some(known) = self.backed_off(&first) {
            return Err(known);
        }
        let mut second = self.renew(&first, timeout).await?;
        let mut outcome = request(second.clone()).await;
        if second.is_from_store && self.refuses(&outcome, &second, is_about_token).await {
            second = self.renew(&second, timeout).await?;
            outcome = request(second.clone()).await;
        }
        if self.refuses(&outcome, &second, is_about_token).await
            && let Err(refusal) = outcome
        {
            return Err(self.reject(&second, refusal).await);
        }
        self.answered(&second, outcome)
    }

    /// Who the user is, as the stack says.
    pub async fn me(&self, timeout: Duration) -> Result<Me, SessionError> {
        let stack = &self.dependencies.stack;
        self.authorized(timeout, true, |bearer| async move {
            bearer.at(stack).me().await
        })
        .await
    }

    /// Whether an outcome is a refusal of who we are.
    async fn refuses<T>(
        &self,
        outcome: &Result<T, StackError>,
        bearer: &Bearer,
        is_about_token: bool,
    ) -> bool {
        if !matches!(outcome, Err(StackError::Unauthorized { .. })) {
            return false;
        }
        is_about_token || bearer.at(&self.dependencies.stack).rejects_bearer().await
    }

    /// An answer to somebody the stack knows clears the doubts.
    fn answered<T>(
        &self,
        bearer: &Bearer,
        outcome: Result<T, StackError>,
    ) -> Result<T, SessionError> {
        if outcome.is_ok() {
            match bearer.kind {
                TokenKind::ApiKey => self.key_accepted(bearer),
                TokenKind::Interactive => {
                    let doubted = self.state.lock().refusal_backoff.take();
                    if doubted.is_some() {
                        self.announce();
                    }
                }
            }
        }
        Ok(outcome?)
    }

    /// A bearer token other than the refused one; an API key is its own.
    async fn renew(&self, refused: &Bearer, timeout: Duration) -> Result<Bearer, SessionError> {
        if refused.kind == TokenKind::ApiKey {
            self.dependencies.clock.sleep(RECHECK).await;
            return self.bearer(timeout).await;
        }
        let is_refused = |token: &AccessToken| token.token == refused.token;
        let token = self.tokens.replace(is_refused, timeout).await;
        if let Ok(token) = &token {
            self.follow(token);
        }
        if refused.identity != self.identity() {
            return self.bearer(timeout).await;
        }
        let token = token.map_err(|error| self.not_refreshed(error))?;
        Ok(Bearer::of_login(token, refused.identity))
    }

    /// Why a refusal of the login's token rotates nothing, if that did not help
    /// just now.
    fn backed_off(&self, refused: &Bearer) -> Option<SessionError> {
        let now = self.dependencies.clock.now();
        let state = self.state.lock();
        let doubt = state.refusal_backoff.as_ref()?;
        let counts = refused.kind == TokenKind::Interactive && !doubt.until.reached(now);
        counts.then(|| doubt.error.clone())
    }

    /// The stack refuses a token that it has just issued, or the key, twice.
    async fn reject(&self, bearer: &Bearer, refusal: StackError) -> SessionError {
        let now = self.dependencies.clock.now();
        if bearer.kind == TokenKind::ApiKey {
            // What a stack refuses to a key that it knows is about what was asked.
            if !bearer.at(&self.dependencies.stack).rejects_bearer().await {
                return refusal.into();
            }
            return self.key_rejected(bearer);
        }
        let error = SessionError::NotAccepted {
            catalog: self.catalog.clone(),
            refusal: Box::new(refusal),
        };
        if bearer.identity == self.identity() {
            tracing::warn!("{error}");
            let mut state = self.state.lock();
            state.refusal_backoff = Some(RefusalBackoff::again(
                state.refusal_backoff.take(),
                error.clone(),
                now,
            ));
        }
        error
    }
}

/// Why the login's fresh tokens are refused, and until when no refusal rotates
/// them again.
pub(super) struct RefusalBackoff {
    until: Deadline,
    pause: i64,
    pub(super) error: SessionError,
}

impl RefusalBackoff {
    fn again(before: Option<Self>, error: SessionError, now: Moment) -> Self {
        let pause = match before {
            None => FIRST_BACKOFF,
            // Several callers found it out at once.
            Some(before) if !before.until.reached(now) => before.pause,
            Some(before) => (before.pause * 2).min(LONGEST_BACKOFF),
        };
        Self {
            until: now.after(pause),
            pause,
            error,
        }
    }
}
