//! `/v1/session`: where the login stands, logging in, logging out.

use futures_util::future::join_all;
use quilt_proto::RegistryUrl;
use quilt_proto::api::{AcceptRegistry, Login, Logout, ReadSession};
use quilt_proto::wire::{LoggedOut, Session as Answer};

use crate::api::endpoint::Call;
use crate::api::error::{ApiError, LoginMethod};
use crate::api::login_answer::welcome;
use crate::session::{self, Session, SessionError};
use crate::stack::StackError;

pub(in crate::api) async fn show(call: Call<ReadSession>) -> Result<Answer, ApiError> {
    let session = call.session()?;
    if !call.query.login_url {
        return Ok(describe(&session, None));
    }
    // The page takes passwords: it is no other registry's unasked either.
    let accept = call.query.accept_registry.as_ref();
    let trusted = session.registry_trust().verify(accept).await;
    let trusted = trusted.map_err(|error| ApiError::Login(error, LoginMethod::Code))?;
    Ok(describe(&session, Some(trusted.registry())))
}

pub(in crate::api) async fn login(call: Call<Login>) -> Result<Answer, ApiError> {
    let session = call.session()?;
    let given = &call.body;
    let (accept, page) = (given.accept_registry.as_ref(), given.page_registry.as_ref());
    let outcome = session::login::with_code(&session, &given.code, accept, page).await;
    let outcome = outcome.map_err(|error| match error {
        SessionError::Stack(StackError::TokenRejected { message, .. }) => ApiError::CodeRefused {
            catalog: session.catalog().clone(),
            why: message,
        },
        error => ApiError::Login(error, LoginMethod::Code),
    })?;
    Ok(welcome(&call.app, &session, outcome).await)
}

pub(in crate::api) async fn logout(call: Call<Logout>) -> Result<LoggedOut, ApiError> {
    if !call.query.all {
        let session = call.session()?;
        let logged_out = session::logout::log_out(&session).await;
        call.app.note_user(&session, None);
        session.registry_trust().keep_notes().await;
        let unrevoked = (!logged_out?).then(|| session.catalog().clone());
        return Ok(LoggedOut {
            unrevoked: unrevoked.into_iter().collect(),
        });
    }
    let (mut outcome, mut unrevoked) = (Ok(()), Vec::new());
    let sessions = call.app.sessions.all_stored().await;
    let sessions = sessions.map_err(SessionError::Store)?;
    // All at once: each may wait for the same lock.
    let logged_out = join_all(sessions.iter().map(session::logout::log_out)).await;
    for (session, logged_out) in sessions.iter().zip(logged_out) {
        let logged_out = logged_out.map_err(ApiError::from);
        call.app.note_user(session, None);
        call.subject.one_of(session.catalog(), logged_out.as_ref());
        if matches!(logged_out, Ok(false)) {
            unrevoked.push(session.catalog().clone());
        }
        outcome = outcome.and(logged_out.map(drop));
    }
    call.app.sessions.store().keep_known_catalogs().await;
    outcome.map(|()| LoggedOut { unrevoked })
}

/// The user's word for where a registry is.
pub(in crate::api) async fn accept_registry(
    call: Call<AcceptRegistry>,
) -> Result<Answer, ApiError> {
    let session = call.session()?;
    let accept = &call.body.accept_registry;
    call.app.keys.accept_registry(&session, accept).await?;
    session.registry_trust().keep_notes().await;
    Ok(describe(&session, None))
}

/// Where a session stands. `page` is the registry whose login page was asked
/// for; without it, it is that of the login there is.
pub(in crate::api) fn describe(session: &Session, page: Option<&RegistryUrl>) -> Answer {
    let registry_url = session.shown_registry();
    let page = page.or(registry_url.as_ref());
    Answer {
        catalog_url: session.catalog().clone(),
        login_url: page.map(|registry| registry.join("/login")),
        registry_url: registry_url.clone(),
        status: session.status(),
        me: None,
        me_error: None,
        previous_user: None,
        configured: false,
        findings: Vec::new(),
    }
}
