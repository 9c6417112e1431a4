//! A stack in this process, over real HTTP, that lives by the virtual clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use parking_lot::{Mutex, MutexGuard};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::clock::Clock;
use crate::clock::manual::ManualClock;

/// Seconds that access tokens and AWS credentials live.
pub(super) const LIFE: i64 = 3600;

/// What is asked of a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Endpoint {
    Config,
    Token,
    ConnectToken,
    GetCredentials,
    Graphql,
}

/// What somebody answers in place of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Json(u16, &'static str),
    Page(u16),
    Redirect,
    Reset,
}

#[derive(Default)]
pub(super) struct Inner {
    pub(super) access: String,
    /// The one before it, which is good as well.
    previous: String,
    pub(super) refresh: String,
    pub(super) key: String,
    serial: u64,
    /// The longest delay before an answer, in milliseconds.
    pub(super) delay: u64,
    pub(super) trouble: Vec<(Endpoint, Answer)>,
    pub(super) calls: BTreeMap<Endpoint, usize>,
}

pub(super) struct FakeStack {
    pub(super) url: String,
    clock: Arc<ManualClock>,
    inner: Mutex<Inner>,
}

impl FakeStack {
    pub(super) async fn start(clock: &Arc<ManualClock>) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stack = Arc::new(Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            clock: Arc::clone(clock),
            inner: Mutex::default(),
        });
        stack.lock().renew();
        stack.lock().key = "qk_abcdefghijklmnop".to_owned();
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&stack));
        tokio::spawn(async move { axum::serve(listener, router).await });
        stack
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }

    pub(super) fn calls(&self, endpoint: Endpoint) -> usize {
        self.lock().calls.get(&endpoint).copied().unwrap_or(0)
    }

    fn later(&self, seconds: i64) -> i64 {
        self.clock.now().wall.plus_seconds(seconds).unix()
    }
}

impl Inner {
    /// A new pair of tokens.
    fn renew(&mut self) {
        self.serial += 1;
        self.previous = std::mem::take(&mut self.access);
        self.access = format!("access.{}.token", self.serial);
        self.refresh = format!("refresh{}", self.serial);
    }

    /// No access token issued so far is good any more.
    pub(super) fn outdate(&mut self) {
        self.access = "outdated".to_owned();
        self.previous = self.access.clone();
    }

    fn is_known(&self, request: &str) -> bool {
        [&self.access, &self.previous, &self.key]
            .iter()
            .any(|token| request == format!("Bearer {token}"))
    }
}

/// Uniform over 0 to `end`, without it.
pub(super) fn below(end: u64) -> u64 {
    getrandom::u64().unwrap() % end
}

fn said(status: u16, body: &Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
}

async fn answer(State(stack): State<Arc<FakeStack>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let endpoint = match path.as_str() {
        "/config.json" => Endpoint::Config,
        "/api/token" => Endpoint::Token,
        "/auth/token" => Endpoint::ConnectToken,
        "/api/auth/get_credentials" => Endpoint::GetCredentials,
        "/graphql" => Endpoint::Graphql,
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let bearer = request.headers().get(header::AUTHORIZATION);
    let bearer = bearer.map(|value| value.to_str().unwrap().to_owned());
    let body = axum::body::to_bytes(request.into_body(), 1 << 20)
        .await
        .unwrap();
    let delay = below(stack.lock().delay + 1);
    tokio::time::sleep(std::time::Duration::from_millis(delay)).await;
    let mut inner = stack.lock();
    *inner.calls.entry(endpoint).or_default() += 1;
    let trouble = inner.trouble.iter().find(|(at, _)| *at == endpoint);
    if let Some((_, trouble)) = trouble {
        return instead(*trouble);
    }
    match endpoint {
        Endpoint::Config => said(
            200,
            &json!({"registryUrl": stack.url, "region": "eu-west-1"}),
        ),
        Endpoint::Token | Endpoint::ConnectToken => {
            let form: BTreeMap<String, String> =
                url::form_urlencoded::parse(&body).into_owned().collect();
            if form.get("refresh_token") != Some(&inner.refresh) {
                return said(400, &json!({"error": "invalid_grant"}));
            }
            inner.renew();
            said(
                200,
                &json!({
                    "access_token": inner.access, "refresh_token": inner.refresh,
                    "expires_at": stack.later(LIFE), "expires_in": LIFE,
                }),
            )
        }
        _ if !bearer.is_some_and(|bearer| inner.is_known(&bearer)) => said(
            401,
            &json!({"message": "Outdated access token: please log in again"}),
        ),
        Endpoint::GetCredentials => {
            let expires = stack.clock.now().wall.plus_seconds(LIFE);
            said(
                200,
                &json!({
                    "AccessKeyId": "ASIAIOSFODNN7EXAMPLE",
                    "SecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                    "SessionToken": "IQoJb3JpZ2luX2VjEXAMPLEtokenEXAMPLEtoken", "Expiration": expires,
                }),
            )
        }
        Endpoint::Graphql => {
            let me = json!({
                "__typename": "Me", "name": "alice", "email": "alice@example.com",
                "isAdmin": false, "role": {"name": "Reader"}, "roles": [{"name": "Reader"}],
            });
            said(200, &json!({"data": {"me": me, "switchRole": me}}))
        }
    }
}

fn instead(trouble: Answer) -> Response {
    match trouble {
        Answer::Json(status, body) => said(status, &serde_json::from_str(body).unwrap()),
        Answer::Page(status) => {
            let page = "<!doctype html><title>Blocked</title>";
            let status = StatusCode::from_u16(status).unwrap();
            (status, axum::response::Html(page)).into_response()
        }
        Answer::Redirect => {
            let to = [(header::LOCATION, "http://portal.example/")];
            (StatusCode::FOUND, to).into_response()
        }
        Answer::Reset => {
            let broken = Err::<&str, _>(std::io::Error::other("cut off"));
            Response::new(Body::from_stream(futures_util::stream::iter([broken])))
        }
    }
}
