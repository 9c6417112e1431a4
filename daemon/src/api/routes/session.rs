//! `/v1/session`: where the login stands, logging in, logging out.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use quilt_proto::wire::{LoginCode, Session as Answer};
use quilt_proto::{RegistryHost, RegistryUrl};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::arrival::welcome;
use crate::api::error::{ApiError, How};
use crate::api::extract::{Body, OfCatalog, Params};
use crate::app::App;
use crate::session::{Session, SessionError};

#[derive(Deserialize, JsonSchema)]
pub(in crate::api) struct Wish {
    /// Asks the catalog where its login page is.
    #[serde(default)]
    login_url: bool,
    /// The host of the registry, where it is another one than before and the
    /// user agreed to that.
    accept_registry: Option<RegistryHost>,
}

#[derive(Deserialize, JsonSchema)]
pub(in crate::api) struct Extent {
    /// Log out of every catalog.
    #[serde(default)]
    all: bool,
}

pub(in crate::api) async fn show(
    OfCatalog(session): OfCatalog,
    Params(wish): Params<Wish>,
) -> Result<Json<Answer>, ApiError> {
    if !wish.login_url {
        return Ok(Json(describe(&session, None)));
    }
    // The page takes passwords: it is no other registry's unasked either.
    let agreed = session.agree(wish.accept_registry.as_ref()).await;
    let agreed = agreed.map_err(|error| ApiError::Login(error, How::Code))?;
    Ok(Json(describe(&session, Some(agreed.registry()))))
}

pub(in crate::api) async fn login(
    State(app): State<Arc<App>>,
    OfCatalog(session): OfCatalog,
    Body(login): Body<LoginCode>,
) -> Result<Json<Answer>, ApiError> {
    let LoginCode {
        code,
        accept_registry,
    } = login;
    let arrival = session.login(&code, accept_registry.as_ref()).await;
    let arrival = arrival.map_err(|error| ApiError::Login(error, How::Code))?;
    app.keys.flush(&session);
    Ok(Json(welcome(&app, &session, arrival)))
}

pub(in crate::api) async fn logout(
    State(app): State<Arc<App>>,
    Params(extent): Params<Extent>,
    session: Result<OfCatalog, ApiError>,
) -> Result<StatusCode, ApiError> {
    let sessions = if extent.all {
        app.sessions
            .everywhere()
            .await
            .map_err(SessionError::Store)?
    } else {
        vec![session?.0]
    };
    let mut outcome = Ok(StatusCode::NO_CONTENT);
    for session in sessions {
        let logged_out = session.logout().await;
        app.keys.flush(&session);
        app.note_user(session.catalog(), None);
        if let Err(error) = logged_out {
            outcome = Err(error.into());
        }
    }
    outcome
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
    }
}
