//! Serves what `quilt_proto::api` declares: route, strict parameters and body,
//! audit, secrecy and answer all follow from the declaration, a handler does
//! the rest.

use std::io::Read;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use axum::{Json, Router};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use quilt_proto::api::{self, Endpoint, Method, PathParameters};
use quilt_proto::{ApiKeySecret, CatalogUrl, NameError, ProfileName};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::audit::{Record, Subject};
use super::error::ApiError;
use super::request_bodies::RequestBodies;
use crate::app::App;
use crate::body_memory::Holder;
use crate::credential::ResolvedProfile;
use crate::keys::KeyError;
use crate::listen::{Limits, Peer};
use crate::session::Session;
use crate::stack::Payload;

/// A request of an endpoint, taken apart: what a handler is given.
pub(super) struct Call<E: Endpoint> {
    pub(super) app: Arc<App>,
    /// What is variable in the path.
    pub(super) path: E::Path,
    /// The query parameters of this endpoint.
    pub(super) query: E::Query,
    /// The body.
    pub(super) body: E::Body,
    /// The catalog as the request names it.
    pub(super) catalog: Option<String>,
    /// Who asks.
    pub(super) peer: Option<Peer>,
    /// What the audit log will say.
    pub(super) subject: Subject,
    parts: Parts,
    /// What was sent, and with it the room that it takes up: what was made of it
    /// is no smaller.
    _sent: Payload,
}

impl<E: Endpoint> Call<E> {
    /// The session of the catalog the request is about.
    pub(super) fn session(&self) -> Result<Arc<Session>, ApiError> {
        let session = self.app.session(self.catalog.as_deref())?;
        self.subject.resolved(session.catalog());
        Ok(session)
    }

    /// The session that an API key is for; `default` is the catalog where that
    /// is neither said nor known.
    pub(super) fn session_of_key(
        &self,
        key: &ApiKeySecret,
        default: Option<&CatalogUrl>,
    ) -> Result<Arc<Session>, ApiError> {
        let session = self
            .app
            .session_of_key(self.catalog.as_deref(), key, default)?;
        self.subject.resolved(session.catalog());
        Ok(session)
    }

    /// The profile whose credentials are asked for, the default one where none
    /// is named.
    pub(super) fn profile(&self, name: Option<&ProfileName>) -> Result<ResolvedProfile, ApiError> {
        let name = name.cloned().unwrap_or_else(ProfileName::default_profile);
        self.subject.profile(&name);
        let resolved = self.app.vault.resolve(name, self.catalog.as_deref())?;
        self.subject.resolved(resolved.session.catalog());
        Ok(resolved)
    }

    /// The headers of the request.
    pub(super) fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// What the listener or the router knows beyond the request.
    pub(super) fn extension<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.parts.extensions.get().cloned()
    }

    async fn take(app: Arc<App>, request: Request, subject: Subject) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let (catalog, query) = api::parse_query(parts.uri.query().unwrap_or_default())
            .map_err(|error| ApiError::Input(error.to_string()))?;
        let path = path(&mut parts).await?;
        let (body, sent) = self::body(&parts, body).await?;
        Ok(Self {
            app,
            path,
            query,
            body,
            catalog,
            peer: parts.extensions.get().cloned(),
            subject,
            parts,
            _sent: sent,
        })
    }
}

/// Endpoints with their handlers.
#[derive(Debug, Default)]
pub(super) struct Served {
    pub(super) router: Router<Arc<App>>,
    /// Methods and paths, in order: axum's router does not say what it holds.
    #[cfg(test)]
    pub(super) endpoints: Vec<(&'static str, &'static str)>,
}

impl Served {
    /// Serves an endpoint with what a handler answers.
    pub(super) fn serve<E, H, F>(self, handler: H) -> Self
    where
        E: Endpoint,
        H: Fn(Call<E>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<E::Answer, ApiError>> + Send + 'static,
    {
        self.serve_as(move |call| {
            let answer = handler(call);
            async move { answer.await.map(|answer| written::<E>(answer)) }
        })
    }

    /// Serves an endpoint with a response that a handler writes itself, because
    /// it comes bit by bit or is no JSON.
    pub(super) fn serve_as<E, H, F>(mut self, handler: H) -> Self
    where
        E: Endpoint,
        H: Fn(Call<E>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Response, ApiError>> + Send + 'static,
    {
        #[cfg(test)]
        self.endpoints.push((E::METHOD.as_str(), E::PATH));
        let filter = match E::METHOD {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
            Method::Put => MethodFilter::PUT,
            Method::Delete => MethodFilter::DELETE,
        };
        let handle = async move |State(app): State<Arc<App>>, request: Request| {
            answer::<E, _, _>(app, request, &handler).await
        };
        self.router = self.router.route(E::PATH, on(filter, handle));
        self
    }
}

/// A request from its arrival to its answer.
async fn answer<E, H, F>(app: Arc<App>, request: Request, handler: &H) -> Response
where
    E: Endpoint,
    H: Fn(Call<E>) -> F,
    F: Future<Output = Result<Response, ApiError>>,
{
    let subject = Subject::default();
    let peer = request.extensions().get::<Peer>();
    let record = E::AUDIT.map(|action| Record::begin(action, &app, peer, &subject));
    let answered = match Call::take(app, request, subject).await {
        Ok(call) if E::CHANGES_KEYS || E::FORGETS_KEYS => changing_keys(call, handler).await,
        Ok(call) => handler(call).await,
        Err(error) => Err(error),
    };
    let mut response = answered.unwrap_or_else(IntoResponse::into_response);
    if E::SECRET {
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if E::LAST {
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some(record) = record {
        record.answered(&response);
    }
    response
}

/// Changes keys when it is its turn, or forgets them at once. What a daemon before, or
/// one who did not end this one, left on its way to the next is of before that: nobody
/// gets it any more.
async fn changing_keys<E, H, F>(call: Call<E>, handler: &H) -> Result<Response, ApiError>
where
    E: Endpoint,
    H: Fn(Call<E>) -> F,
    F: Future<Output = Result<Response, ApiError>>,
{
    let app = Arc::clone(&call.app);
    let _turn = if E::FORGETS_KEYS {
        // The stack may take its time to hear of it.
        app.withdraw_offered_keys();
        None
    } else {
        let turn = app.keys.turns.change(&app.shutdown).await;
        Some(turn.ok_or(ApiError::LeftToTheNext)?)
    };
    let answer = handler(call).await;
    app.withdraw_keys();
    answer
}

/// The status of an answer that is no problem.
pub(super) fn status<E: Endpoint>() -> StatusCode {
    if api::is_nothing::<E::Answer>() {
        StatusCode::NO_CONTENT
    } else if E::CREATES {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    }
}

fn written<E: Endpoint>(answer: E::Answer) -> Response {
    let status = status::<E>();
    if status == StatusCode::NO_CONTENT {
        return status.into_response();
    }
    (status, Json(answer)).into_response()
}

/// A JSON document that is written already.
pub(super) fn json(document: Bytes) -> Response {
    ([(CONTENT_TYPE, "application/json")], document).into_response()
}

async fn path<P: PathParameters>(parts: &mut Parts) -> Result<P, ApiError> {
    let params = RawPathParams::from_request_parts(parts, &())
        .await
        .map_err(|_| ApiError::Input("a part of the path is not text".to_owned()))?;
    let values: Vec<&str> = params.iter().map(|(_, value)| value).collect();
    P::parse(&values).map_err(|error| match error {
        NameError::ApiKeyId | NameError::ApiKeyIdIsSecret => KeyError::from(error).into(),
        error => error.into(),
    })
}

/// A JSON body, and as it was sent. Rejections never quote it: it may hold a
/// secret.
async fn body<B: DeserializeOwned + 'static>(
    parts: &Parts,
    body: Body,
) -> Result<(B, Payload), ApiError> {
    let what = if api::is_nothing::<B>() {
        // Whatever was sent, nobody reads it.
        match serde_json::from_str("null") {
            Ok(nothing) => return Ok((nothing, Payload::default())),
            Err(_) => "there is no body here",
        }
    } else {
        let sent = taken(parts, body).await?;
        let mut whole = Vec::with_capacity(sent.len());
        // Reading from memory cannot fail.
        let _ = sent.clone().reader().read_to_end(&mut whole);
        let whole = Zeroizing::new(whole);
        let whole = Body::from(Bytes::from_owner(whole));
        let request = Request::from_parts(parts.clone(), whole);
        match Json::from_request(request, &()).await {
            Ok(Json(body)) => return Ok((body, sent)),
            Err(JsonRejection::JsonDataError(_)) => {
                "the body lacks a field, or has a wrong or unknown one"
            }
            Err(JsonRejection::JsonSyntaxError(_)) => "the body is not JSON",
            Err(JsonRejection::MissingJsonContentType(_)) => {
                "the body needs Content-Type: application/json"
            }
            Err(_) => "the body could not be read",
        }
    };
    Err(ApiError::Input(what.to_owned()))
}

/// A body as it was sent, of whoever the system says is there.
async fn taken(parts: &Parts, body: Body) -> Result<Payload, ApiError> {
    let Some(bodies) = parts.extensions.get::<Arc<RequestBodies>>() else {
        return Err(ApiError::Machine("there is no room for bodies".to_owned()));
    };
    let process = parts.extensions.get::<Peer>().and_then(|peer| peer.pid);
    let holder = match process {
        Some(process) => Holder::Process(process),
        None => Holder::Named(String::new()),
    };
    let most = usize::try_from(Limits::default().body_bytes).unwrap_or(usize::MAX);
    let taken = bodies.take(body, most, std::future::ready(Ok(holder)));
    taken
        .await
        .map_err(|problem| ApiError::Body(Box::new(problem)))
}
