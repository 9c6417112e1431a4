//! `/login` and `/code`: what a person sees when they log in.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Form, Query, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use serde::Deserialize;

use crate::fake_stack::aws::xml::html;
use crate::fake_stack::identity::refresh_tokens::Issuer;
use crate::fake_stack::state::Core;
use crate::fake_stack::{pages, random};

/// Codes waiting to be shown, by the ticket in the page's address: the code itself is a
/// secret and belongs into no address.
#[derive(Default)]
pub(crate) struct Tickets(HashMap<String, String>);

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tickets")
            .field("count", &self.0.len())
            .finish()
    }
}

#[derive(Deserialize)]
pub(crate) struct Choice {
    user: String,
}

#[derive(Deserialize)]
pub(crate) struct Ticket {
    ticket: Option<String>,
}

pub(crate) async fn to_login() -> Redirect {
    Redirect::to("/login")
}

/// Stands in for single sign-on: pick who you are.
pub(crate) async fn choose(State(core): State<Arc<Core>>) -> Html<String> {
    let directory = core.users.lock();
    let users = directory.users().filter(|user| user.active);
    let form = pages::user_form("/login", users, &[]);
    pages::page("Log in to Quilt", &format!("<p>Who are you?</p>{form}"))
}

pub(crate) async fn sign_in(
    State(core): State<Arc<Core>>,
    Form(Choice { user }): Form<Choice>,
) -> Response {
    let Some(secret) = core.login_code(&user) else {
        let page = pages::page("Cannot log in", "<p>There is no such user.</p>");
        return (StatusCode::FORBIDDEN, page).into_response();
    };
    let ticket = random::alphanumeric(24);
    core.tickets.lock().0.insert(ticket.clone(), secret);
    Redirect::to(&format!("/code?ticket={ticket}")).into_response()
}

/// Shows the code to copy.
pub(crate) async fn code(
    State(core): State<Arc<Core>>,
    Query(Ticket { ticket }): Query<Ticket>,
) -> Response {
    let secret = ticket.and_then(|ticket| core.tickets.lock().0.get(&ticket).cloned());
    let Some(secret) = secret else {
        return Redirect::to("/login").into_response();
    };
    let content = format!(
        "<p>Copy this code and paste it where you were asked for it.</p>\
         <p><code id=\"code\">{}</code></p>",
        html(&secret)
    );
    (
        [(CACHE_CONTROL, "no-store")],
        pages::page("Your code", &content),
    )
        .into_response()
}

impl Core {
    /// Logs a user in and returns the code the page would show.
    pub(crate) fn login_code(&self, user: &str) -> Option<String> {
        let known = self.users.lock().user(user).is_some_and(|user| user.active);
        known.then(|| self.sessions.lock().start(user, Issuer::Registry))
    }
}
