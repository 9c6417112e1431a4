//! `/v1/gateway`: leading the Python SDK to the registry gateway, and back.

use quilt_proto::CatalogUrl;
use quilt_proto::api::{Action, ReadGateway, SetUpGateway, UndoGateway};
use quilt_proto::wire::{Gateway, GatewayAddress};

use crate::api::audit;
use crate::api::endpoint::Call;
use crate::api::error::ApiError;
use crate::api::login_answer::welcome;
use crate::api::open_gateway;
use crate::app::App;
use crate::gateway::{GatewayError, Imported};
use crate::session::SessionError;

pub(in crate::api) async fn show(call: Call<ReadGateway>) -> Result<Gateway, ApiError> {
    describe(&call.app)
}

pub(in crate::api) async fn set_up(call: Call<SetUpGateway>) -> Result<Gateway, ApiError> {
    let session = call.session()?;
    let Call {
        app, peer, body, ..
    } = call;
    to_its_end(async move {
        let (logged_in, open) = (logged_in(&app).await?, open_gateway(&app));
        let set_up = app.gateway.set_up(&session, &logged_in, body, open);
        let configured = set_up.await?;
        let is_imported = configured.imported.is_some();
        let login = match configured.imported {
            Some(Imported::Now(outcome)) => {
                let (catalog, peer) = (session.catalog(), peer.as_ref());
                audit::record(&app, Action::LOGIN, Ok(()), catalog, peer);
                Some(welcome(&app, &session, *outcome).await)
            }
            Some(Imported::Before) | None => None,
        };
        Ok(Gateway {
            changed: configured.changed,
            rights_changed: configured.rights_changed,
            imported: is_imported,
            own_login: configured.own_login,
            login,
            ..describe(&app)?
        })
    })
    .await
}

pub(in crate::api) async fn undo(call: Call<UndoGateway>) -> Result<Gateway, ApiError> {
    let app = call.app;
    if let Ok(state) = app.gateway.state()
        && let Some(redirection) = &state.redirection
    {
        call.subject.resolved(&redirection.catalog_url);
    }
    to_its_end(async move {
        let changed = app.gateway.undo(app.session(None).ok().as_ref()).await?;
        Ok(Gateway {
            changed,
            ..describe(&app)?
        })
    })
    .await
}

/// In a task of its own: who hangs up in the middle must not leave the SDK's
/// files half changed, or unguarded.
async fn to_its_end(
    change: impl Future<Output = Result<Gateway, ApiError>> + Send + 'static,
) -> Result<Gateway, ApiError> {
    let changed = tokio::spawn(change).await;
    changed.unwrap_or(Err(ApiError::from(SessionError::Stopping)))
}

/// The catalogs that quilt3 could speak to.
async fn logged_in(app: &App) -> Result<Vec<CatalogUrl>, ApiError> {
    let sessions = app.sessions.all_stored().await;
    let sessions = sessions.map_err(SessionError::Store)?.into_iter();
    let usable = sessions.filter(|session| session.check().is_ok());
    Ok(usable.map(|session| session.catalog().clone()).collect())
}

fn describe(app: &App) -> Result<Gateway, ApiError> {
    let state = app.gateway.state()?;
    let drifts = state.drifts.iter().map(ToString::to_string);
    let files = state.files.iter().map(|file| file.display().to_string());
    let redirection = state.redirection.as_ref();
    let addresses = app.gateway.addresses().map_err(GatewayError::from)?;
    let addresses = addresses.into_iter();
    Ok(Gateway {
        catalog_url: redirection.map(|redirection| redirection.catalog_url.clone()),
        registry_url: redirection.map(|redirection| redirection.registry_url.clone()),
        gateway_url: redirection.map(|redirection| redirection.gateway_url.clone()),
        addresses: addresses
            .map(|(catalog_url, gateway_url)| GatewayAddress {
                catalog_url,
                gateway_url,
            })
            .collect(),
        listening: state.listening,
        strays: drifts.collect(),
        files: files.collect(),
        without_api_keys: state.without_api_keys,
        ..Gateway::default()
    })
}
