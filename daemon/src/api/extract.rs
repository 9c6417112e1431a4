//! What handlers take from a request.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::ApiError;
use super::trail::Concerned;
use crate::app::App;
use crate::session::Session;

#[derive(Deserialize)]
struct CatalogQuery {
    catalog: Option<String>,
}

/// The session of the catalog a request is about.
pub(super) struct OfCatalog(pub(super) Arc<Session>);

impl FromRequestParts<Arc<App>> for OfCatalog {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let Query(query) = query::<CatalogQuery>(parts)?;
        let session = app.session(query.catalog.as_deref())?;
        if let Some(concerned) = parts.extensions.get::<Concerned>() {
            let _ = concerned.set(session.catalog().clone());
        }
        Ok(Self(session))
    }
}

/// The variable parts of the path.
pub(super) struct Segments<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<App>> for Segments<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let Path(segments) = Path::from_request_parts(parts, app)
            .await
            .map_err(|_| ApiError::Input("a part of the path is not text".to_owned()))?;
        Ok(Self(segments))
    }
}

/// Query parameters of type `T`.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Arc<App>> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _app: &Arc<App>) -> Result<Self, ApiError> {
        let Query(params) = query(parts)?;
        Ok(Self(params))
    }
}

fn query<T: DeserializeOwned>(parts: &Parts) -> Result<Query<T>, ApiError> {
    Query::try_from_uri(&parts.uri)
        .map_err(|_| ApiError::Input("a query parameter is missing or malformed".to_owned()))
}

/// A JSON body. Rejections never quote it: it may hold a secret.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        let body = axum::Json::from_request(request, app).await;
        let axum::Json(body) = body.map_err(|rejection| {
            ApiError::Input(
                match rejection {
                    JsonRejection::JsonDataError(_) => {
                        "the body lacks a field, or has a wrong or unknown one"
                    }
                    JsonRejection::JsonSyntaxError(_) => "the body is not JSON",
                    JsonRejection::MissingJsonContentType(_) => {
                        "the body needs Content-Type: application/json"
                    }
                    _ => "the body could not be read",
                }
                .to_owned(),
            )
        })?;
        Ok(Self(body))
    }
}
