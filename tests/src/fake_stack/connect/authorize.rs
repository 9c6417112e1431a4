//! The authorization page.

use std::sync::Arc;

use axum::extract::{Form, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use url::Url;

use super::register::is_loopback;
use crate::fake_stack::aws::xml::html;
use crate::fake_stack::oauth::{Client, Code};
use crate::fake_stack::pages;
use crate::fake_stack::state::Core;

/// An authorization request, in a query or in the form that carries it on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Request {
    client_id: String,
    redirect_uri: String,
    #[serde(default)]
    response_type: String,
    #[serde(default)]
    code_challenge: String,
    #[serde(default)]
    code_challenge_method: String,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    state: String,
    /// Who approves: pressed on the page, or given at once by a test without a browser.
    #[serde(default)]
    user: Option<String>,
}

pub(crate) async fn show(
    State(core): State<Arc<Core>>,
    Query(mut request): Query<Request>,
) -> Response {
    let redirect = match checked_redirect(&core, &request) {
        Ok(redirect) => redirect,
        Err(refused) => return refused.into_response(),
    };
    if request.user.is_none() {
        request
            .user
            .clone_from(&core.settings.lock().connect.auto_approve);
    }
    if request.user.is_some() {
        return decide(&core, request, redirect);
    }
    let fields = [
        ("client_id", request.client_id.as_str()),
        ("redirect_uri", &request.redirect_uri),
        ("response_type", &request.response_type),
        ("code_challenge", &request.code_challenge),
        ("code_challenge_method", &request.code_challenge_method),
        ("scope", &request.scope),
        ("state", &request.state),
    ];
    let client = core
        .grants
        .lock()
        .client(&request.client_id)
        .map(|client| client.name.clone());
    let client = html(&client.unwrap_or_default());
    let directory = core.users.lock();
    let users = directory.users().filter(|user| user.active);
    let form = pages::user_form("/connect/authorize", users, &fields);
    pages::page(
        "Authorize access to Quilt",
        &format!("<p>{client} asks to act for you. Continue as:</p>{form}"),
    )
    .into_response()
}

pub(crate) async fn approve(
    State(core): State<Arc<Core>>,
    Form(request): Form<Request>,
) -> Response {
    match checked_redirect(&core, &request) {
        Ok(redirect) => decide(&core, request, redirect),
        Err(refused) => refused.into_response(),
    }
}

/// Sends the browser back with a code, or with the reason why not.
fn decide(core: &Core, request: Request, mut redirect: Url) -> Response {
    let user = request.user.unwrap_or_default();
    let problem = if request.response_type != "code" {
        Some("unsupported_response_type")
    } else if request.code_challenge.is_empty() || request.code_challenge_method != "S256" {
        Some("invalid_request")
    } else if core
        .users
        .lock()
        .user(&user)
        .is_none_or(|user| !user.active)
    {
        Some("access_denied")
    } else {
        None
    };
    {
        let mut query = redirect.query_pairs_mut();
        if let Some(problem) = problem {
            query.append_pair("error", problem);
        } else {
            let granted = core.grants.lock().authorize(Code {
                client: request.client_id,
                redirect_uri: request.redirect_uri,
                challenge: request.code_challenge,
                user,
            });
            query.append_pair("code", &granted);
        }
        query.append_pair("state", &request.state);
        query.append_pair("iss", &core.catalog_origin());
    }
    Redirect::to(redirect.as_str()).into_response()
}

/// The redirect URI, if the client registered it. Otherwise nothing may be sent there.
fn checked_redirect(core: &Core, request: &Request) -> Result<Url, Unregistered> {
    let any_port = core.settings.lock().connect.loopback_any_port;
    let grants = core.grants.lock();
    let redirect = grants
        .client(&request.client_id)
        .filter(|client| registered(client, &request.redirect_uri, any_port))
        .and_then(|_| Url::parse(&request.redirect_uri).ok());
    redirect.ok_or(Unregistered)
}

/// The client is unknown, or the redirect URI is not one of its own.
struct Unregistered;

impl IntoResponse for Unregistered {
    fn into_response(self) -> Response {
        let text = "<p>The client or its redirect URI is not registered.</p>";
        (
            StatusCode::BAD_REQUEST,
            pages::page("Cannot authorize", text),
        )
            .into_response()
    }
}

fn registered(client: &Client, redirect: &str, any_port: bool) -> bool {
    client.redirect_uris.iter().any(|own| own == redirect)
        || any_port
            && client
                .redirect_uris
                .iter()
                .any(|own| same_but_port(own, redirect))
}

/// RFC 8252, section 7.3: loopback redirects differ in their port only.
fn same_but_port(one: &str, other: &str) -> bool {
    let without_port = |uri: &str| {
        let mut uri = Url::parse(uri).ok().filter(is_loopback)?;
        uri.set_port(None).ok()?;
        Some(uri)
    };
    let one = without_port(one);
    one.is_some() && one == without_port(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_redirects_may_change_their_port() {
        let client = Client {
            name: "test".to_owned(),
            redirect_uris: vec![
                "http://127.0.0.1:1/cb".into(),
                "https://a.example:1/cb".into(),
            ],
        };
        assert!(registered(&client, "http://127.0.0.1:2/cb", true));
        assert!(!registered(&client, "http://127.0.0.1:2/cb", false));
        assert!(registered(&client, "http://127.0.0.1:1/cb", false));
        assert!(!registered(&client, "http://127.0.0.1:2/other", true));
        assert!(!registered(&client, "https://a.example:2/cb", true));
    }
}
