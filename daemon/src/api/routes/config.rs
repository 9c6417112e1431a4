//! `GET` and `PUT /v1/config`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use quilt_proto::CatalogUrl;
use quilt_proto::wire::{ConfigUpdate, ConfigValues};
use serde::Deserialize;

use crate::api::error::ApiError;
use crate::api::extract::Body;
use crate::api::open_gateway;
use crate::app::App;
use crate::catalogs::{self, CatalogError};
use crate::stack::StackConfig;

pub(in crate::api) async fn show(
    State(app): State<Arc<App>>,
) -> Result<Json<ConfigValues>, ApiError> {
    Ok(Json(app.config.read()?))
}

/// A [`ConfigUpdate`] as somebody may write it by hand.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Wish {
    catalog_url: Option<String>,
    values: Option<ConfigValues>,
}

impl Wish {
    /// One of both; in the words of the Python SDK where it has them.
    fn update(self) -> Result<ConfigUpdate, ApiError> {
        let input = |what: &str| Err(ApiError::Input(what.to_owned()));
        match (self.catalog_url, self.values) {
            (Some(url), None) => Ok(ConfigUpdate::CatalogUrl(url)),
            (None, Some(values)) => Ok(ConfigUpdate::Values(values)),
            (Some(_), Some(_)) => {
                input("Expected either an auto-config URL or key=value pairs, but got both.")
            }
            (None, None) => input("the body needs catalog_url or values"),
        }
    }
}

/// Whoever asks for one catalog does not get another one configured unasked.
fn is_itself(catalog: &CatalogUrl, published: &StackConfig) -> Result<(), ApiError> {
    let named = published.values.get("navigator_url");
    let named = named.and_then(|named| named.as_str()?.parse::<CatalogUrl>().ok());
    match named.filter(|named| named != catalog) {
        Some(named) => Err(ApiError::OtherCatalog {
            asked: catalog.clone(),
            named,
        }),
        None => Ok(()),
    }
}

pub(in crate::api) async fn update(
    State(app): State<Arc<App>>,
    Body(wish): Body<Wish>,
) -> Result<Json<ConfigValues>, ApiError> {
    let values = match wish.update()? {
        ConfigUpdate::CatalogUrl(url) if url.trim().is_empty() => {
            let session = app.session(None).ok();
            if let Err(error) = app.gateway.undo(session.as_ref()).await {
                tracing::warn!("quilt3 is not undone: {error}");
            }
            app.config.reset()?
        }
        ConfigUpdate::CatalogUrl(url) => {
            let catalog =
                catalogs::typed(&url, &app.settings.current()).map_err(CatalogError::Url)?;
            let published = app
                .stack
                .discover(&catalog)
                .await
                .map_err(ApiError::NotACatalog)?;
            is_itself(&catalog, &published)?;
            // The SDK sends its own secrets where the file says.
            let session = app.sessions.session(&catalog);
            let agreed = session.agree_to(published, None).await?;
            let published = agreed.published();
            app.config.replace(&catalog, &published.values)?;
            // Whoever uses quilt3 through the gateway goes on doing so.
            let open = open_gateway(&app);
            if let Err(error) = app.gateway.follow(&catalog, published, open).await {
                // The configuration is as asked for; the status says the rest.
                tracing::warn!("quilt3 does not follow: {error}");
            }
            app.config.read()?
        }
        ConfigUpdate::Values(values) => app.config.merge(&values)?,
    };
    Ok(Json(values))
}
