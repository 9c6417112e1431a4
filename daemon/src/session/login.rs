//! Logging in with a pasted code, and taking up what a login brought.

use std::sync::Arc;
use std::time::Duration;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use quilt_proto::{RegistryHost, RegistryUrl, Secret, Timestamp};

use super::token_rotation::{RECHECK, TOKENS};
use super::unsaved_tokens::Unsaved;
use super::{Epoch, LoginOutcome, Session, SessionError, TrustedRegistry, known_user, logout};
use crate::clock::ClockSkew;
use crate::stack::{self, Tokens};
use crate::token_store::{LoginMethod, Record, Reservation, SecretHash};

/// The longest code accepted, in bytes.
const MAX_CODE: usize = 16 * 1024;

/// How long a login that was made with the same code may take to show that it
/// works.
const SPENT: Duration = Duration::from_secs(10);

/// Logs in with a pasted code, at a registry the user has agreed to, which is that
/// of the `page` that showed the code, where one was shown.
pub async fn with_code(
    session: &Arc<Session>,
    code: &Secret,
    accept: Option<&RegistryHost>,
    page: Option<&RegistryHost>,
) -> Result<LoginOutcome, SessionError> {
    let epoch = session.epoch();
    let code = parse_code(code)?;
    let trusted = session.registry_trust().verify(accept).await?;
    let named = &trusted.published().registry_host;
    session.registry_trust().check_host(named, page)?;
    since(session, epoch, trusted, code).await
}

/// Logs in with a code, there. Runs in a task of its own: a caller that
/// hangs up must not lose the tokens its code was exchanged for.
pub async fn with_code_at(
    session: &Arc<Session>,
    trusted: TrustedRegistry,
    code: &Secret,
) -> Result<LoginOutcome, SessionError> {
    let code = parse_code(code)?;
    since(session, session.epoch(), trusted, code).await
}

async fn since(
    session: &Arc<Session>,
    epoch: Epoch,
    trusted: TrustedRegistry,
    code: Secret,
) -> Result<LoginOutcome, SessionError> {
    let owned = Arc::clone(session);
    let exchanging = async move { exchange(&owned, epoch, &trusted, code).await };
    let task = session.dependencies.tasks.spawn(exchanging);
    // What the stack grants to one that was ended is taken back by the task.
    tokio::select! {
        biased;
        ended = session.login_superseded(epoch) => Err(ended),
        outcome = task => outcome.unwrap_or(Err(SessionError::Stopping)),
    }
}

async fn exchange(
    session: &Arc<Session>,
    epoch: Epoch,
    trusted: &TrustedRegistry,
    code: Secret,
) -> Result<LoginOutcome, SessionError> {
    let registry_url = trusted.registry();
    session.registry_trust().still_trusted(trusted).await?;
    let spent = SecretHash::of(&code);
    if let Some(token) = token_of_login_by(session, &spent, registry_url).await {
        let so_far = known_user::last(session).await;
        let login = session.login_id().unwrap_or_default();
        return Ok(LoginOutcome::of_login(session, login, trusted, &token, so_far).await);
    }
    let reservation = session.dependencies.store.reserve().await?;
    let stack = &session.dependencies.stack;
    let tokens = match stack::tokens::exchange(stack, registry_url, &code).await {
        Err(error) if error.rejects_token() => {
            session.dependencies.clock.sleep(RECHECK).await;
            stack::tokens::exchange(stack, registry_url, &code).await
        }
        outcome => outcome,
    };
    let mut tokens = tokens?;
    let refresh_token = tokens.refresh_token.take().unwrap_or(code);
    let now = session.dependencies.clock.now().wall;
    let record = granted(trusted, LoginMethod::Code, refresh_token, tokens, now);
    let login = record.login_id.clone();
    let outcome = adopt(session, epoch, trusted, record, reservation).await?;
    session.state.lock().spent_code = Some((login, spent));
    Ok(outcome)
}

/// The access token, where the login there is was made with this very code: a
/// stack that is shown it again takes it for stolen, and ends the login (RFC
/// 9700, 4.14.2). Nothing where the login does not work.
async fn token_of_login_by(
    session: &Session,
    code: &SecretHash,
    registry: &RegistryUrl,
) -> Option<Secret> {
    let is_same = {
        let state = session.state.lock();
        let login = state.login.as_ref()?;
        let (by, spent) = state.spent_code.as_ref()?;
        *by == login.id && spent == code
    };
    // Asking for a token may renew it: not for a login that is replaced.
    if !is_same {
        return None;
    }
    let token = session.tokens.value(SPENT).await.ok()?;
    (token.registry == *registry).then(|| token.token.clone())
}

/// A fresh login.
pub(super) fn granted(
    trusted: &TrustedRegistry,
    method: LoginMethod,
    refresh_token: Secret,
    tokens: Tokens,
    now: Timestamp,
) -> Record {
    Record {
        registry_url: trusted.registry().clone(),
        login_id: new_login_id(),
        method,
        refresh_token,
        access_token: tokens.access_token,
        access_token_expires_at: tokens.expires_at,
        obtained_at: now,
        ended: false,
        ended_at: None,
        role_switches: 0,
    }
}

/// Stores a fresh login, makes it this session's, and asks whose it is.
/// One that a logout ended meanwhile is given back.
pub(super) async fn adopt(
    session: &Arc<Session>,
    epoch: Epoch,
    trusted: &TrustedRegistry,
    record: Record,
    reservation: Reservation,
) -> Result<LoginOutcome, SessionError> {
    if let Err(changed) = session.registry_trust().still_trusted(trusted).await {
        logout::revoke(session, &record).await;
        return Err(changed);
    }
    let now = session.dependencies.clock.now().wall;
    // Nothing of a login that does not come about takes the place of another.
    if let Err(skew) = ClockSkew::check(TOKENS, record.access_token_expires_at, now) {
        logout::revoke(session, &record).await;
        return Err(skew.into());
    }
    let so_far = known_user::last(session).await;
    let (login, token) = (record.login_id.clone(), record.access_token.clone());
    let (owned, settled) = (Arc::clone(session), trusted.clone());
    let settling = async move { settle(&owned, epoch, &settled, record, reservation).await };
    session.change(settling, SessionError::Store).await?;
    let outcome = LoginOutcome::of_login(session, login, trusted, &token, so_far).await;
    session.registry_trust().keep_notes().await;
    Ok(outcome)
}

/// Makes a fresh login this session's, unless a logout ended it, or another login
/// settled that the registry is another.
pub(super) async fn settle(
    session: &Session,
    epoch: Epoch,
    trusted: &TrustedRegistry,
    record: Record,
    reservation: Reservation,
) -> Result<(), SessionError> {
    let turn = session.epochs.lock().await;
    let is_over = if session.epochs.is_login_superseded(epoch) {
        Err(session.superseded())
    } else {
        session.registry_trust().still_trusted(trusted).await
    };
    if let Err(is_over) = is_over {
        drop(turn);
        logout::revoke(session, &record).await;
        return Err(is_over);
    }
    settle_login(session, record, reservation).await?;
    session.registry_trust().trust(trusted);
    Ok(())
}

/// In its turn.
async fn settle_login(
    session: &Session,
    record: Record,
    reservation: Reservation,
) -> Result<(), SessionError> {
    let unsaved = Unsaved {
        record: record.clone(),
        is_login: true,
        doubted_since: None,
    };
    if let Err(error) = session.source.save(unsaved, reservation).await {
        // The code is spent, so the tokens stay here until they can be stored;
        // meanwhile nobody uses them.
        session.state.lock().login = Some(super::session::Login {
            id: record.login_id,
            role_switches: 0,
        });
        session.tokens.reset();
        session.change_identity();
        // Nobody may ask for long, nor may a restart come first.
        session.tokens.prepare();
        return Err(error.into());
    }
    session.begin(record);
    // Who logs in since does without the key that a restart forgot.
    if session.is_key_forgotten() {
        session.note_key();
    }
    Ok(())
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
        return Timestamp::now().unix().to_string();
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
