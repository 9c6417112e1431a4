//! Logging in and out.

use std::sync::Arc;
use std::time::Duration;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use quilt_proto::{RegistryHost, Secret};

use super::source::{RECHECK, Unsaved};
use super::{Agreed, Arrival, Begun, Session, SessionError};
use crate::stack::Tokens;
use crate::token_store::{LoginMethod, Record, Reservation};

/// The longest code accepted, in bytes.
const MAX_CODE: usize = 16 * 1024;

/// How long a logout waits for the stack to revoke.
const REVOKE_TIMEOUT: Duration = Duration::from_secs(3);

impl Session {
    /// Logs in with a pasted code, at a registry the user has agreed to.
    pub async fn login(
        self: &Arc<Self>,
        code: &Secret,
        accept: Option<&RegistryHost>,
    ) -> Result<Arrival, SessionError> {
        let begun = self.begun();
        let code = parse_code(code)?;
        let agreed = self.agree(accept).await?;
        self.login_since(begun, agreed, code).await
    }

    /// Logs in with a code, there. Runs in a task of its own: a caller that
    /// hangs up must not lose the tokens its code was exchanged for.
    pub async fn login_at(
        self: &Arc<Self>,
        agreed: Agreed,
        code: &Secret,
    ) -> Result<Arrival, SessionError> {
        let code = parse_code(code)?;
        self.login_since(self.begun(), agreed, code).await
    }

    async fn login_since(
        self: &Arc<Self>,
        begun: Begun,
        agreed: Agreed,
        code: Secret,
    ) -> Result<Arrival, SessionError> {
        let session = Arc::clone(self);
        let task = self
            .dependencies
            .tasks
            .spawn(async move { session.exchange(begun, &agreed, code).await });
        // What the stack grants to one that was ended is taken back by the task.
        tokio::select! {
            biased;
            ended = self.login_ended(begun) => Err(ended),
            outcome = task => outcome.unwrap_or(Err(SessionError::Stopping)),
        }
    }

    async fn exchange(
        &self,
        begun: Begun,
        agreed: &Agreed,
        code: Secret,
    ) -> Result<Arrival, SessionError> {
        let registry_url = agreed.registry().clone();
        let room = self.dependencies.store.reserve().await?;
        let stack = &self.dependencies.stack;
        let tokens = match stack.exchange(&registry_url, &code).await {
            Err(error) if error.rejects_token() => {
                self.dependencies.clock.sleep(RECHECK).await;
                stack.exchange(&registry_url, &code).await
            }
            outcome => outcome,
        };
        let Tokens {
            access_token,
            refresh_token,
            expires_at,
        } = tokens?;
        let record = Record {
            registry_url,
            login_id: new_login_id(),
            method: LoginMethod::Code,
            refresh_token: refresh_token.unwrap_or(code),
            access_token,
            access_token_expires_at: expires_at,
            obtained_at: self.dependencies.clock.now().wall,
            ended: false,
            ended_at: None,
            role_switches: 0,
        };
        self.adopt(begun, agreed, record, room).await
    }

    /// Stores a fresh login, makes it this session's, and asks whose it is.
    /// One that a logout ended meanwhile is given back.
    pub(super) async fn adopt(
        &self,
        begun: Begun,
        agreed: &Agreed,
        record: Record,
        room: Reservation,
    ) -> Result<Arrival, SessionError> {
        let so_far = self.user_so_far().await;
        let (expired_at, now) = (
            record.access_token_expires_at,
            self.dependencies.clock.now().wall,
        );
        let token = record.access_token.clone();
        let turn = self.story.turn().await;
        if self.story.is_login_over(begun) {
            drop(turn);
            self.revoke(&record).await;
            return Err(self.overtaken());
        }
        self.settle_login(record, room).await?;
        drop(turn);
        self.trust(agreed.registry()).await;
        if expired_at <= now {
            return Err(SessionError::ClockSkew { expired_at, now });
        }
        Ok(self.arrive(agreed, &token, so_far).await)
    }

    /// In its turn.
    async fn settle_login(&self, record: Record, room: Reservation) -> Result<(), SessionError> {
        let unsaved = Unsaved {
            record: record.clone(),
            is_login: true,
        };
        if let Err(error) = self.source.save(unsaved, room).await {
            // The code is spent, so the tokens stay here and are stored by the
            // next attempt; meanwhile nobody uses them.
            self.state().login = Some(super::session::Login {
                id: record.login_id,
                role_switches: 0,
            });
            self.tokens.reset();
            self.change_identity();
            return Err(error.into());
        }
        self.begin(record);
        Ok(())
    }

    /// Forgets login and API key, here and in the store, and revokes the
    /// login where the stack can. Ends logins and keys that are on their way.
    pub async fn logout(self: &Arc<Self>) -> Result<(), SessionError> {
        self.story.end_all();
        // At once, whatever the store is waited for: nobody uses them any more.
        self.clear_key();
        self.end();
        let session = Arc::clone(self);
        let task = self
            .dependencies
            .tasks
            .spawn(async move { session.forget().await });
        task.await.unwrap_or(Err(SessionError::Stopping))
    }

    async fn forget(&self) -> Result<(), SessionError> {
        // A login that was being stored meanwhile is ended as well.
        let turn = self.story.turn().await;
        self.end();
        drop(turn);
        // Should the note of it be lost, the record still knew.
        if let Ok(Some(registry)) = self.trusted().await {
            self.trust(&registry).await;
        }
        let turn = self.story.turn().await;
        self.clear_key();
        self.source.forget();
        self.end();
        let remove =
            |document: &mut crate::token_store::Document| document.sessions.remove(&self.catalog);
        let removed = self
            .dependencies
            .store
            .update(Reservation::default(), remove)
            .await;
        self.state().half_logged_out = removed
            .as_ref()
            .err()
            .map(|error| SessionError::HalfLoggedOut(error.clone()).to_string());
        drop(turn);
        self.note_key().await;
        let record = removed.map_err(SessionError::HalfLoggedOut)?;
        if let Some(record) = record {
            self.revoke(&record).await;
        }
        Ok(())
    }

    /// Ends the login here. It is not taken up again from the store.
    pub(super) fn end(&self) {
        {
            let mut state = self.state();
            state.doubt = None;
            state.forgotten = state
                .login
                .take()
                .map(|login| login.id)
                .or(state.forgotten.take());
        }
        self.tokens
            .invalidate(SessionError::LoggedOut(self.catalog.clone()));
        self.change_identity();
    }

    /// Best effort: the tokens are gone from here in any case.
    async fn revoke(&self, record: &Record) {
        let LoginMethod::OAuth {
            client_id,
            revocation_endpoint: Some(endpoint),
            ..
        } = &record.method
        else {
            return;
        };
        let revoking =
            self.dependencies
                .stack
                .oauth_revoke(endpoint, client_id, &record.refresh_token);
        match tokio::time::timeout(REVOKE_TIMEOUT, revoking).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("the stack did not revoke the login: {error}"),
            Err(_) => tracing::warn!("the stack did not revoke the login in time"),
        }
    }
}

/// A code is one run of visible ASCII; white space around it comes from copying.
fn parse_code(code: &Secret) -> Result<Secret, SessionError> {
    let text = code.expose().trim();
    let legal = !text.is_empty() && text.len() <= MAX_CODE;
    if legal && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(Secret::new(text))
    } else {
        Err(SessionError::NotACode)
    }
}

/// A random name for a login.
pub(crate) fn new_login_id() -> String {
    let mut bytes = [0; 16];
    // Only has to differ from the last one; the clock is enough if need be.
    if getrandom::fill(&mut bytes).is_err() {
        return quilt_proto::Timestamp::now().unix().to_string();
    }
    // Short: the address of a login's page has it, and is to fit a narrow screen.
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_lose_surrounding_white_space_only() {
        let code = parse_code(&Secret::new(" \tabc.def\r\n")).unwrap();
        assert_eq!(code.expose(), "abc.def");
        for bad in [
            "",
            "  ",
            "a b",
            "a\nb",
            "é",
            "\0",
            &"x".repeat(MAX_CODE + 1),
        ] {
            assert!(parse_code(&Secret::new(bad)).is_err());
        }
    }
}
