//! The loopback redirect (RFC 8252, section 7.3): exactly one request is
//! accepted, everything else changes nothing. The way to the stack begins here,
//! too: what a browser is started with can be read by every user of the
//! machine, what this page answers only by the browser.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use quilt_proto::browser_navigation::{MAX_HEAD, MAX_HEADERS};
use quilt_proto::{Secret, browser_navigation};
use url::form_urlencoded;

use super::Attempt;
use super::page_text::{self, Page, lead_on, page};
use crate::listen::{Limits, LoopbackListener, TurnAway, UnknownOwner, WaitingLimit};
use crate::session::{Redirect, SessionError};

const PATH: &str = "/callback";

/// How many more logins one registration is for.
const SPARE: usize = 7;

/// How the path of the page begins that leads on to the stack's.
const START: &str = "/start/";

/// One browser, one small request.
pub(super) const LIMITS: Limits = Limits {
    connections: 16,
    waiting: WaitingLimit::Own(16),
    header_bytes: MAX_HEAD,
    headers: MAX_HEADERS,
    body_bytes: 0,
    first_header_time: Duration::from_secs(5),
    header_time: Duration::from_secs(10),
    request_time: Duration::from_mins(1),
    drain_time: Duration::from_secs(5),
    half_close: true,
};

/// Where a login is begun and ended.
pub(super) struct RedirectListener {
    pub(super) listener: LoopbackListener,
    /// The authority a browser has to name.
    pub(super) host: String,
}

impl RedirectListener {
    /// Listens on 127.0.0.1, for this user's browsers alone. Takes one of
    /// `ports` that is free, else one the system chooses.
    pub(super) fn bind(ports: Vec<u16>) -> io::Result<Self> {
        let bind = |port| {
            let turn_away = UnknownOwner::TurnAway(TurnAway::with(page_text::to_unknown()));
            LoopbackListener::bind(port, turn_away)
        };
        let free = ports.into_iter().find_map(|port| bind(port).ok());
        let (listener, address) = free.map_or_else(|| bind(0), Ok)?;
        let host = address.to_string();
        Ok(Self { listener, host })
    }

    /// The redirect URI, with some for later logins.
    pub(super) fn redirect(&self) -> Redirect {
        let uri = |host: &dyn Display| format!("http://{host}{PATH}");
        let spare = spare_ports().into_iter();
        let addresses = spare.map(|port| SocketAddrV4::new(Ipv4Addr::LOCALHOST, port));
        Redirect {
            uri: uri(&self.host),
            spare: addresses.map(|address| uri(&address)).collect(),
        }
    }

    /// The page that leads on to the stack's. The id keeps web pages from
    /// beginning a login; other users do not get to see what is there.
    pub(super) fn start_url(&self, id: &str) -> String {
        format!("http://{}{START}{id}", self.host)
    }
}

/// Ports for later logins, each another. They are drawn, and nobody listens there or
/// binds them before: other users see what does, and could leave something of theirs
/// in the browser for that address (a service worker) until it is used. One that is
/// taken then is passed over.
fn spare_ports() -> BTreeSet<u16> {
    let mut ports = BTreeSet::new();
    let mut drawn = [0; 2];
    // Without chance there are none, and each login registers anew.
    while ports.len() < SPARE && getrandom::fill(&mut drawn).is_ok() {
        ports.extend(Some(u16::from_ne_bytes(drawn)).filter(|port| *port >= DYNAMIC));
    }
    ports
}

/// The first port that is no service's (RFC 6335, section 6).
const DYNAMIC: u16 = 49_152;

/// Answers every request to the port.
pub(super) fn router(attempt: Arc<Attempt>, host: String, id: &str) -> Router {
    let loopback = LoopbackState {
        attempt,
        host,
        start: format!("{START}{id}"),
    };
    Router::new()
        .fallback(receive)
        .with_state(Arc::new(loopback))
}

/// What is waited for.
struct LoopbackState {
    attempt: Arc<Attempt>,
    host: String,
    /// The path of the page that leads on.
    start: String,
}

async fn receive(State(loopback): State<Arc<LoopbackState>>, request: Request) -> Response {
    let attempt = &loopback.attempt;
    let refused = |status| page(status, &Page::refused());
    let over = || page(StatusCode::GONE, &Page::over());
    if !is_navigation(&request, &loopback.host) {
        return refused(StatusCode::FORBIDDEN);
    }
    if request.uri().path() == loopback.start {
        return if attempt.is_over() {
            over()
        } else {
            lead_on(attempt.login.authorize_url())
        };
    }
    if request.uri().path() != PATH {
        return refused(StatusCode::NOT_FOUND);
    }
    let Some(answer) = Answer::parse(request.uri().query().unwrap_or_default()) else {
        return refused(StatusCode::BAD_REQUEST);
    };
    // A page that guesses, or brings somebody else's code, must not be able to
    // end the login that is waited for.
    if !attempt
        .login
        .is_answered_by(answer.state.expose(), answer.issuer.as_deref())
    {
        tracing::warn!("refused a redirect that belongs to no login");
        return refused(StatusCode::BAD_REQUEST);
    }
    if !attempt.claim() {
        return over();
    }
    let shown = match attempt.answer(answer.code).await {
        Ok(session) => Page::done(&session),
        Err(failure) => {
            let mut problem = failure.problem();
            problem.hint = problem.hint.map(|hint| {
                // Who reads it there is at no terminal of that login's.
                let of = (!hint.to_string().contains("://")).then(|| attempt.login.catalog());
                hint.option_if("--catalog", of)
            });
            Page::failed(&problem)
        }
    };
    page(StatusCode::OK, &shown)
}

/// Whether a browser was sent here by its user, or by the stack.
fn is_navigation(request: &Request, host: &str) -> bool {
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| (name.as_str(), value.as_bytes()));
    browser_navigation::is_navigation(request.method().as_str(), headers, host)
}

/// The query of a redirect (RFC 6749, section 4.1.2; RFC 9207).
struct Answer {
    state: Secret,
    code: Result<Secret, SessionError>,
    issuer: Option<String>,
}

impl Answer {
    /// `None` unless every parameter is there once at most, and those that
    /// must be are.
    fn parse(query: &str) -> Option<Self> {
        let (mut state, mut code, mut error, mut issuer) = (None, None, None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let slot = match &*name {
                "state" => &mut state,
                "code" => &mut code,
                "error" => &mut error,
                "iss" => &mut issuer,
                _ => continue,
            };
            if slot.replace(value.into_owned()).is_some() {
                return None;
            }
        }
        let code = match (code, error) {
            (Some(code), None) if !code.is_empty() => Ok(Secret::from(code)),
            (None, Some(_)) => Err(SessionError::WebLoginDenied),
            _ => return None,
        };
        Some(Self {
            state: Secret::from(state?),
            code,
            issuer,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_for_later_logins_are_drawn_and_not_the_systems_to_show() {
        let ports = spare_ports();
        assert_eq!(ports.len(), SPARE);
        assert!(ports.iter().all(|port| *port >= DYNAMIC), "{ports:?}");
        assert_ne!(ports, spare_ports());
    }

    #[test]
    fn an_answer_says_everything_once() {
        assert!(Answer::parse("code=c&state=s&iss=i&x=1").is_some());
        assert!(
            Answer::parse("error=access_denied&state=s")
                .unwrap()
                .code
                .is_err()
        );
        for bad in [
            "",
            "code=c",
            "state=s",
            "code=&state=s",
            "code=c&state=s&state=s",
            "code=c&code=d&state=s",
            "code=c&error=e&state=s",
        ] {
            assert!(Answer::parse(bad).is_none(), "{bad}");
        }
    }
}
