//! `GET` and `PUT /v1/config`.

use quilt_proto::CatalogUrl;
use quilt_proto::api::{ReadConfig, UpdateConfig};
use quilt_proto::python_sdk;
use quilt_proto::wire::ConfigValues;

use crate::api::endpoint::Call;
use crate::api::error::ApiError;
use crate::api::open_gateway;
use crate::catalog_resolver;
use crate::stack::StackConfig;

pub(in crate::api) async fn show(call: Call<ReadConfig>) -> Result<ConfigValues, ApiError> {
    Ok(call.app.config.read()?)
}

/// Refusals are in the words of the Python SDK where it has them.
pub(in crate::api) async fn update(call: Call<UpdateConfig>) -> Result<ConfigValues, ApiError> {
    let refused = |what: &str| Err(ApiError::Input(what.to_owned()));
    match (&call.body.catalog_url, &call.body.values) {
        (Some(url), None) if url.trim().is_empty() => reset(&call).await,
        (Some(url), None) => configure(&call, url).await,
        (None, Some(values)) => merge(&call, values),
        (Some(_), Some(_)) => refused(python_sdk::ADDRESS_AND_VALUES),
        (None, None) => refused("the body needs catalog_url or values"),
    }
}

async fn reset(call: &Call<UpdateConfig>) -> Result<ConfigValues, ApiError> {
    let app = &call.app;
    let session = app.session(None).ok();
    if let Some(session) = &session {
        call.subject.resolved(session.catalog());
    }
    if let Err(error) = app.gateway.undo(session.as_ref()).await {
        tracing::warn!("quilt3 is not undone: {error}");
    }
    Ok(app.config.reset()?)
}

/// Autoconfigures from a catalog.
async fn configure(call: &Call<UpdateConfig>, url: &str) -> Result<ConfigValues, ApiError> {
    let app = &call.app;
    let catalog = catalog_resolver::named(url, &app.settings)?;
    call.subject.resolved(&catalog);
    let published = app.stack.discover(&catalog).await;
    let published = published.map_err(ApiError::NotACatalog)?;
    is_itself(&catalog, &published)?;
    // The SDK sends its own secrets where the file says.
    let session = app.sessions.session(&catalog);
    let trusted = session
        .registry_trust()
        .verify_published(published, None)
        .await?;
    let published = trusted.published();
    app.config.replace(&catalog, &published.values)?;
    // Whoever uses quilt3 through the gateway goes on doing so.
    let open = open_gateway(app);
    if let Err(error) = app.gateway.follow(&catalog, published, open).await {
        // The configuration is as asked for; the status says the rest.
        tracing::warn!("quilt3 does not follow: {error}");
    }
    Ok(app.config.read()?)
}

/// Sets values. What the change is of is the catalog that is configured then.
fn merge(call: &Call<UpdateConfig>, values: &ConfigValues) -> Result<ConfigValues, ApiError> {
    let config = &call.app.config;
    let merged = config.merge(values);
    if let Ok(Some(catalog)) = config.catalog() {
        call.subject.resolved(&catalog);
    }
    Ok(merged?)
}

/// Whoever asks for one catalog does not get another one configured unasked.
fn is_itself(catalog: &CatalogUrl, published: &StackConfig) -> Result<(), ApiError> {
    let named = published.values.get(python_sdk::NAVIGATOR_URL);
    let named = named.and_then(|named| named.as_str()?.parse::<CatalogUrl>().ok());
    match named.filter(|named| named != catalog) {
        Some(named) => Err(ApiError::OtherCatalog {
            asked: catalog.clone(),
            named,
        }),
        None => Ok(()),
    }
}
