//! `/v1/session`: where the login stands, logging in, logging out.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use quilt_proto::wire::{LoginCode, Session as Answer};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::error::ApiError;
use crate::api::extract::{Body, OfCatalog, Params};
use crate::app::App;
use crate::session::{Session, SessionError};

#[derive(Deserialize, JsonSchema)]
pub(in crate::api) struct Wish {
    /// Asks the catalog where its login page is, if that is not known yet.
    #[serde(default)]
    login_url: bool,
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
    if wish.login_url {
        session.registry().await?;
    }
    Ok(Json(describe(&session)))
}

pub(in crate::api) async fn login(
    State(app): State<Arc<App>>,
    OfCatalog(session): OfCatalog,
    Body(LoginCode { code }): Body<LoginCode>,
) -> Result<Json<Answer>, ApiError> {
    session.login(&code).await?;
    app.keys.flush(&session);
    Ok(Json(describe(&session)))
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
        if let Err(error) = logged_out {
            outcome = Err(error.into());
        }
    }
    outcome
}

pub(super) fn describe(session: &Session) -> Answer {
    let registry_url = session.known_registry();
    Answer {
        catalog_url: session.catalog().clone(),
        login_url: registry_url
            .as_ref()
            .map(|registry| registry.join("/login")),
        registry_url,
        status: session.status(),
    }
}
