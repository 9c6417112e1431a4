//! Requests made as the user, and what a refusal of them means.

use std::future::Future;
use std::time::Duration;

use quilt_proto::wire::TokenKind;

use super::one::interactive;
use super::source::{AccessToken, SECOND_OPINION};
use super::{Bearer, Session, SessionError};
use crate::stack::StackError;

impl Session {
    /// Runs a request of this session. A 401 or 403 on a token that looks
    /// valid is answered by a forced refresh and one more try. When the
    /// refreshed one came from another daemon, it may be as old: then once
    /// more. After that the session has ended. Where a refusal is not
    /// `decisive`, because it may be about what was asked for, the stack is
    /// first asked whose the token is: what is not allowed neither rotates
    /// tokens nor ends a login.
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
        let outcome = request(first.clone()).await;
        if !self.refuses(&outcome, &first, decisive).await {
            return self.answered(&first, outcome).await;
        }
        let mut second = self.renew(&first, patience).await?;
        let mut outcome = request(second.clone()).await;
        if second.second_hand && self.refuses(&outcome, &second, decisive).await {
            second = self.renew(&second, patience).await?;
            outcome = request(second.clone()).await;
        }
        if self.refuses(&outcome, &second, decisive).await {
            return Err(self.reject(&second).await);
        }
        self.answered(&second, outcome).await
    }

    /// Whether an outcome is a refusal of who we are.
    async fn refuses<T>(
        &self,
        outcome: &Result<T, StackError>,
        bearer: &Bearer,
        decisive: bool,
    ) -> bool {
        if !matches!(outcome, Err(StackError::Unauthorized { .. })) {
            return false;
        }
        decisive
            || self
                .parts
                .stack
                .disowns(&bearer.registry, &bearer.token, "")
                .await
    }

    /// An answer to somebody the stack knows clears the doubts about a key.
    async fn answered<T>(
        &self,
        bearer: &Bearer,
        outcome: Result<T, StackError>,
    ) -> Result<T, SessionError> {
        if outcome.is_ok() && bearer.kind == TokenKind::ApiKey {
            self.settle_key(bearer).await;
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
