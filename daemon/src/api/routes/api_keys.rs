//! `/v1/api-keys`, `/v1/admin/api-keys` and `/v1/session/api-key`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use quilt_proto::wire::{
    ApiKey, ApiKeyFilter, ApiKeyHandover, ApiKeyRevocation, ApiKeyRotation, NewApiKey,
};
use quilt_proto::{ApiKeyId, ApiKeySecret, NameError};

use super::last::last;
use crate::api::arrival::welcome;
use crate::api::error::{ApiError, How};
use crate::api::extract::{Body, OfCatalog, Params, Segments};
use crate::app::App;
use crate::keys::{KeyError, Which};

pub(in crate::api) async fn set(
    State(app): State<Arc<App>>,
    OfCatalog(session): OfCatalog,
    Body(handover): Body<ApiKeyHandover>,
) -> Response {
    let ApiKeyHandover {
        key,
        accept_registry,
    } = handover;
    let set = async {
        let key: ApiKeySecret = key.expose().parse()?;
        app.keys.set(&session, &key, accept_registry.as_ref()).await
    };
    last(
        set.await
            .map(|arrival| Json(welcome(&app, &session, arrival)))
            .map_err(|error| match error {
                KeyError::Session(error) => ApiError::Login(error, How::ApiKey),
                error => ApiError::Key(error),
            }),
    )
}

pub(in crate::api) async fn clear(
    State(app): State<Arc<App>>,
    OfCatalog(session): OfCatalog,
) -> StatusCode {
    app.keys.clear(&session);
    app.note_user(session.catalog(), None);
    StatusCode::NO_CONTENT
}

pub(in crate::api) async fn list(
    State(app): State<Arc<App>>,
    OfCatalog(session): OfCatalog,
    Params(filter): Params<ApiKeyFilter>,
) -> Result<Json<Vec<ApiKey>>, ApiError> {
    Ok(Json(app.keys.list(&session, &filter).await?))
}

pub(in crate::api) async fn create(
    State(app): State<Arc<App>>,
    OfCatalog(session): OfCatalog,
    Body(new): Body<NewApiKey>,
) -> Response {
    let created = app.keys.create(&session, &new).await;
    last(
        created
            .map(|key| (StatusCode::CREATED, Json(key)))
            .map_err(ApiError::Key),
    )
}

pub(in crate::api) async fn show(
    State(app): State<Arc<App>>,
    OfCatalog(session): OfCatalog,
    Segments(id): Segments<String>,
) -> Result<Json<ApiKey>, ApiError> {
    Ok(Json(app.keys.key(&session, &parse(&id)?).await?))
}

pub(in crate::api) async fn revoke(
    State(app): State<Arc<App>>,
    OfCatalog(session): OfCatalog,
    Segments(id): Segments<String>,
) -> Result<StatusCode, ApiError> {
    let which = Which::Id(parse(&id)?);
    app.keys.revoke(&session, &which).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(in crate::api) async fn revoke_secret(
    State(app): State<Arc<App>>,
    OfCatalog(session): OfCatalog,
    Body(ApiKeyRevocation { secret }): Body<ApiKeyRevocation>,
) -> Response {
    let revoked = async {
        let secret = secret.expose().parse().map_err(ApiError::NotASecret)?;
        let revoked = app.keys.revoke(&session, &Which::Secret(secret)).await;
        revoked
            .map(|()| StatusCode::NO_CONTENT)
            .map_err(ApiError::Key)
    };
    last(revoked.await)
}

pub(in crate::api) async fn rotate(
    State(app): State<Arc<App>>,
    OfCatalog(session): OfCatalog,
    Body(wish): Body<ApiKeyRotation>,
) -> Response {
    let rotated = app.keys.rotate(&session, wish).await;
    last(
        rotated
            .map(|key| (StatusCode::CREATED, Json(key)))
            .map_err(ApiError::Key),
    )
}

pub(in crate::api) async fn list_all(
    State(app): State<Arc<App>>,
    OfCatalog(session): OfCatalog,
    Params(filter): Params<ApiKeyFilter>,
) -> Result<Json<Vec<ApiKey>>, ApiError> {
    Ok(Json(app.keys.list_all(&session, &filter).await?))
}

pub(in crate::api) async fn show_any(
    State(app): State<Arc<App>>,
    OfCatalog(session): OfCatalog,
    Segments(id): Segments<String>,
) -> Result<Json<ApiKey>, ApiError> {
    Ok(Json(app.keys.any_key(&session, &parse(&id)?).await?))
}

pub(in crate::api) async fn revoke_any(
    State(app): State<Arc<App>>,
    OfCatalog(session): OfCatalog,
    Segments(id): Segments<String>,
) -> Result<StatusCode, ApiError> {
    app.keys.revoke_any(&session, &parse(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn parse(id: &str) -> Result<ApiKeyId, KeyError> {
    id.parse().map_err(|error: NameError| error.into())
}
