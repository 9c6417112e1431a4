//! Console sign-in: credentials become a sign-in token, and the token opens the console.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::xml;
use crate::fake_stack::state::Core;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Parameters {
    action: String,
    session: Option<String>,
    signin_token: Option<String>,
    destination: Option<String>,
}

#[derive(Deserialize)]
struct Session {
    #[serde(rename = "sessionId")]
    access_key_id: String,
    #[serde(rename = "sessionKey")]
    secret: String,
    #[serde(rename = "sessionToken")]
    token: String,
}

/// `Action=getSigninToken` and `Action=login`, as AWS's federation endpoint.
pub(crate) async fn federation(
    State(core): State<Arc<Core>>,
    Query(parameters): Query<Parameters>,
) -> Response {
    core.counts
        .operation(&format!("federation:{}", parameters.action));
    match parameters.action.as_str() {
        "getSigninToken" => signin_token(&core, parameters.session.as_deref()),
        "login" => login(&core, &parameters),
        _ => refuse("unknown Action"),
    }
}

fn signin_token(core: &Core, session: Option<&str>) -> Response {
    let session = session.and_then(|json| serde_json::from_str::<Session>(json).ok());
    let Some(session) = session else {
        return refuse("Session is not a JSON credential");
    };
    let credentials = core.credentials.lock();
    let now = core.clock.now();
    let token = Some(session.token.as_str());
    let Ok(principal) = credentials.principal(&session.access_key_id, token, now) else {
        return refuse("the credentials are not valid");
    };
    if credentials.secret(&session.access_key_id).as_ref() != Ok(&session.secret) {
        return refuse("the credentials are not valid");
    }
    drop(credentials);
    let token = core.grants.lock().sign_in(principal.arn);
    Json(json!({"SigninToken": token})).into_response()
}

fn login(core: &Core, parameters: &Parameters) -> Response {
    let token = parameters.signin_token.as_deref().unwrap_or_default();
    let Some(arn) = core.grants.lock().signed_in(token) else {
        return refuse("the SigninToken is not valid");
    };
    if parameters.destination.is_none() {
        return refuse("Destination is missing");
    }
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("arn", &arn)
        .finish();
    Redirect::to(&format!("/console?{query}")).into_response()
}

fn refuse(message: &'static str) -> Response {
    (StatusCode::BAD_REQUEST, message).into_response()
}

#[derive(Deserialize)]
pub(crate) struct SignedIn {
    arn: String,
}

/// The page behind a successful sign-in.
pub(crate) async fn console(Query(SignedIn { arn }): Query<SignedIn>) -> Html<String> {
    let arn = xml::html(&arn);
    Html(format!(
        "<!doctype html><title>Fake AWS console</title><h1>Signed in</h1><p id=\"arn\">{arn}</p>"
    ))
}
