//! `/v1/api-keys`, `/v1/admin/api-keys` and `/v1/session/api-key`.

use quilt_proto::api::{
    ClearApiKey, CreateApiKey, FindApiKey, ListAllApiKeys, ListApiKeys, ReadAnyApiKey, ReadApiKey,
    RevokeAnyApiKey, RevokeApiKey, RevokeApiKeySecret, RotateApiKey, UseApiKey,
};
use quilt_proto::wire::{ApiKey, CreatedApiKey, RotatedApiKey, Session};
use quilt_proto::{ApiKeySecret, CatalogUrl};

use crate::api::endpoint::Call;
use crate::api::error::{ApiError, LoginMethod};
use crate::api::login_answer::welcome;
use crate::catalog_resolver::CatalogError;
use crate::keys::key_successor;
use crate::keys::{KeyError, KeySelector};
use crate::stack::Scope;

pub(in crate::api) async fn set(call: Call<UseApiKey>) -> Result<Session, ApiError> {
    let key: ApiKeySecret = call.body.key.expose().parse().map_err(KeyError::from)?;
    let session = call.session_of_key(&key, call.body.default_catalog.as_ref())?;
    let accept = call.body.accept_registry.as_ref();
    match call.app.keys.set(&session, &key, accept).await {
        Ok(outcome) => Ok(welcome(&call.app, &session, outcome).await),
        Err(KeyError::Session(error)) => Err(ApiError::Login(error, LoginMethod::ApiKey)),
        Err(error) => Err(error.into()),
    }
}

pub(in crate::api) async fn clear(call: Call<ClearApiKey>) -> Result<(), ApiError> {
    let session = call.session()?;
    // Whoever has no key stays who they are.
    if call.app.keys.clear(&session) {
        call.app.note_user(&session, None);
    }
    session.registry_trust().keep_notes().await;
    Ok(())
}

pub(in crate::api) async fn list(call: Call<ListApiKeys>) -> Result<Vec<ApiKey>, ApiError> {
    let session = call.session()?;
    Ok(call
        .app
        .keys
        .list(&session, Scope::Own, &call.query)
        .await?)
}

pub(in crate::api) async fn create(call: Call<CreateApiKey>) -> Result<CreatedApiKey, ApiError> {
    let session = call.session()?;
    Ok(call.app.keys.create(&session, &call.body).await?)
}

pub(in crate::api) async fn show(call: Call<ReadApiKey>) -> Result<ApiKey, ApiError> {
    let session = call.session()?;
    Ok(call.app.keys.key(&session, Scope::Own, &call.path).await?)
}

pub(in crate::api) async fn revoke(call: Call<RevokeApiKey>) -> Result<(), ApiError> {
    let session = call.session()?;
    let which = KeySelector::Id(call.path);
    Ok(call.app.keys.revoke(&session, &which).await?)
}

pub(in crate::api) async fn find(call: Call<FindApiKey>) -> Result<Vec<CatalogUrl>, ApiError> {
    let sessions = &call.app.sessions;
    if sessions.store().has_lost_catalogs() {
        return Err(CatalogError::KeyUnplaced.into());
    }
    Ok(sessions.catalogs_of_hash(&call.body.hash))
}

pub(in crate::api) async fn revoke_secret(call: Call<RevokeApiKeySecret>) -> Result<(), ApiError> {
    let secret = call.body.secret.expose();
    let secret = secret.parse().map_err(ApiError::NotASecret)?;
    let session = call.session_of_key(&secret, call.body.default_catalog.as_ref())?;
    let which = KeySelector::Secret(secret);
    Ok(call.app.keys.revoke(&session, &which).await?)
}

pub(in crate::api) async fn rotate(call: Call<RotateApiKey>) -> Result<RotatedApiKey, ApiError> {
    let session = call.session()?;
    let rotated = key_successor::rotate(&call.app.keys, &session, call.body).await?;
    session.registry_trust().keep_notes().await;
    Ok(rotated)
}

pub(in crate::api) async fn list_all(call: Call<ListAllApiKeys>) -> Result<Vec<ApiKey>, ApiError> {
    let session = call.session()?;
    Ok(call
        .app
        .keys
        .list(&session, Scope::All, &call.query)
        .await?)
}

pub(in crate::api) async fn show_any(call: Call<ReadAnyApiKey>) -> Result<ApiKey, ApiError> {
    let session = call.session()?;
    Ok(call.app.keys.key(&session, Scope::All, &call.path).await?)
}

pub(in crate::api) async fn revoke_any(call: Call<RevokeAnyApiKey>) -> Result<(), ApiError> {
    let session = call.session()?;
    Ok(call.app.keys.revoke_any(&session, call.path).await?)
}
