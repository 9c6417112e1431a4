//! Requests made as the user, and what a refusal of them means.

use std::future::Future;
use std::time::Duration;

use quilt_proto::wire::TokenKind;

use super::one::interactive;
use super::source::{AccessToken, SECOND_OPINION};
use super::{Bearer, Session, SessionError};
use crate::stack::StackError;

/// How long a fresh token that was refused is taken for good, in seconds.
const TRUST: i64 = 300;

impl Session {
    /// Runs a request of this session. A 401 or 403 on a token that looks
    /// valid is answered by a forced refresh and one more try. When the
    /// refreshed one came from another daemon, it may be as old: then once
    /// more. After that, where it is `decisive`, the session has ended; where
    /// it is not, it was about the request, and this token is not replaced for
    /// such a refusal again soon: asking for what is not allowed must not
    /// rotate tokens each time.
    pub async fn authorized<T, F>(
        &self,
        patience: Duration,
        decisive: bool,
        request: impl Fn(Bearer) -> F,
    ) -> Result<T, SessionError>
    where
        F: Future<Output = Result<T, StackError>>,
    {
        let first = self.bearer(patience).await?;
        match request(first.clone()).await {
            Err(StackError::Unauthorized { .. }) if decisive || !self.is_beyond_doubt(&first) => {}
            outcome => return self.answered(&first, outcome),
        }
        let mut second = self.renew(&first, patience).await?;
        let mut outcome = request(second.clone()).await;
        if matches!(outcome, Err(StackError::Unauthorized { .. })) && second.second_hand {
            second = self.renew(&second, patience).await?;
            outcome = request(second.clone()).await;
        }
        match outcome {
            Err(StackError::Unauthorized { .. }) if decisive => Err(self.reject(&second).await),
            outcome => {
                // Not a key, which rests in locked memory alone.
                if matches!(outcome, Err(StackError::Unauthorized { .. }))
                    && second.kind == TokenKind::Interactive
                {
                    let until = self.parts.clock.now().after(TRUST);
                    self.state().beyond_doubt = Some((second.token.clone(), until));
                }
                self.answered(&second, outcome)
            }
        }
    }

    /// Whether a token was refused just now although it was as fresh as can be.
    fn is_beyond_doubt(&self, bearer: &Bearer) -> bool {
        let now = self.parts.clock.now();
        let state = self.state();
        let trusted = state.beyond_doubt.as_ref();
        trusted.is_some_and(|(token, until)| *token == bearer.token && !until.reached(now))
    }

    /// An answer to somebody the stack knows clears the doubts about a key.
    fn answered<T>(
        &self,
        bearer: &Bearer,
        outcome: Result<T, StackError>,
    ) -> Result<T, SessionError> {
        if outcome.is_ok()
            && bearer.kind == TokenKind::ApiKey
            && let Some(key) = &mut self.state().key
            && key.is(&bearer.token)
        {
            key.accepted();
        }
        Ok(outcome?)
    }

    /// A bearer token other than the refused one; an API key is its own.
    async fn renew(&self, refused: &Bearer, patience: Duration) -> Result<Bearer, SessionError> {
        if refused.kind == TokenKind::ApiKey {
            tokio::time::sleep(SECOND_OPINION).await;
            return self.bearer(patience).await;
        }
        let is_refused = |token: &AccessToken| token.token == refused.token;
        let token = self.tokens.replace(is_refused, patience).await;
        if let Ok(token) = &token {
            self.follow(token);
        }
        if refused.identity != self.identity() {
            return self.bearer(patience).await;
        }
        let token = token.map_err(|error| SessionError::from_refresh(error, &self.catalog))?;
        Ok(interactive(token, refused.identity))
    }

    /// The stack refuses fresh tokens: the session, or the key, is dead.
    async fn reject(&self, bearer: &Bearer) -> SessionError {
        if bearer.kind == TokenKind::ApiKey {
            let now = self.parts.clock.now();
            if let Some(key) = &mut self.state().key
                && key.is(&bearer.token)
            {
                key.refused(now);
            }
            return SessionError::KeyRefused(self.catalog.clone());
        }
        let login = self.state().login.as_ref().map(|login| login.id.clone());
        let expired = SessionError::Expired(self.catalog.clone());
        // Only if it still is the token in use: somebody may have logged in
        // since, and that login is a good one.
        let refused = |token: &AccessToken| token.token == bearer.token;
        if self.tokens.kill_if(expired.clone(), refused)
            && let Some(id) = login
            && let Err(error) = self.source.mark_ended(&id, &bearer.token).await
        {
            tracing::warn!("cannot note that the session ended: {error}");
        }
        expired
    }
}
