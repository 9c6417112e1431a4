//! `/v1/session/web`: logging in through the browser.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use quilt_proto::wire::{WebLogin, WebLoginProgress, WebLoginState};
use quilt_proto::{CatalogUrl, RegistryHost};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::error::ApiError;
use crate::api::extract::{OfCatalog, Params, Segments};
use crate::api::web::WebLogins;
use crate::app::App;
use crate::catalogs::CatalogError;
use crate::listen::Peer;

#[derive(Deserialize, JsonSchema)]
pub(in crate::api) struct Where {
    /// The stack's OAuth server, if it is not in its usual place.
    connect_url: Option<String>,
    /// The host of the registry, where it is another one than before and the
    /// user agreed to that.
    accept_registry: Option<RegistryHost>,
}

pub(in crate::api) async fn start(
    State(app): State<Arc<App>>,
    OfCatalog(session): OfCatalog,
    Params(wish): Params<Where>,
    Extension(logins): Extension<WebLogins>,
    peer: Option<Extension<Peer>>,
) -> Result<Json<WebLogin>, ApiError> {
    let connect: Option<CatalogUrl> = wish
        .connect_url
        .map(|url| url.parse().map_err(CatalogError::Url))
        .transpose()?;
    let peer = peer.map(|Extension(peer)| peer);
    let accept = wish.accept_registry.as_ref();
    let started = logins.start(&app, &session, connect, accept, peer).await?;
    Ok(Json(started))
}

pub(in crate::api) async fn wait(
    Extension(logins): Extension<WebLogins>,
    Segments(id): Segments<String>,
) -> Result<Json<WebLoginState>, ApiError> {
    let session = logins.wait(&id).await?;
    Ok(Json(WebLoginState {
        progress: match session {
            None => WebLoginProgress::Pending,
            Some(_) => WebLoginProgress::Done,
        },
        session,
    }))
}
