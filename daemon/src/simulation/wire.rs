//! Carries a daemon's requests to the stacks, and loses some on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use async_trait::async_trait;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use futures_util::FutureExt;
use quilt_network::Failure;
use reqwest::{Body, Request, Response};
use tokio::time::sleep;

use super::fault::{Endpoint, Fault};
use super::stack::{Reply, SITES};
use super::world::World;
use crate::aws::Calls;
use crate::stack::Wire;

/// Longer than anybody waits.
const FOREVER: Duration = Duration::from_hours(24 * 365);

/// What connects one daemon to the world.
#[derive(Clone)]
pub(super) struct Cable {
    world: Arc<World>,
    /// The daemon is dead: nothing of it reaches anybody, and nothing it.
    pub(super) cut: Arc<AtomicBool>,
}

enum Outcome {
    Reply(Reply),
    Page(u16),
    Redirect,
    /// The answer breaks off.
    Broken(Reply),
}

impl Cable {
    pub(super) fn new(world: &Arc<World>) -> Self {
        Self {
            world: Arc::clone(world),
            cut: Arc::default(),
        }
    }

    /// What a request comes to.
    async fn ask(
        &self,
        to: (usize, Endpoint),
        bearer: Option<&str>,
        body: &[u8],
    ) -> Result<Outcome, Failure> {
        if self.cut.load(SeqCst) {
            return Err(Failure::ConnectionRefused);
        }
        let (fault, latency) = self.world.weather(to);
        let (site, at) = to;
        self.world
            .note(format!("  {at:?} at {site}: {latency:?}, {fault:?}"));
        if fault == Some(Fault::Refused) {
            return Err(Failure::ConnectionRefused);
        }
        sleep(latency).await;
        if let Some(Fault::Late(seconds)) = fault {
            sleep(Duration::from_secs(seconds)).await;
        }
        if self.cut.load(SeqCst) {
            return Err(Failure::ConnectionRefused);
        }
        let is_done = fault.is_none_or(Fault::is_done);
        let outcome = if is_done {
            Outcome::Reply(self.world.answer(to, fault, bearer, body))
        } else {
            self.instead(to, fault).await?
        };
        match fault {
            Some(Fault::Slow(seconds)) => sleep(Duration::from_secs(seconds)).await,
            Some(Fault::Lost | Fault::Broken | Fault::Garbled | Fault::Huge) => {
                if let Outcome::Reply(Reply {
                    grants: Some(token),
                    ..
                }) = &outcome
                {
                    self.world.stacks().lost(token);
                }
            }
            _ => {}
        }
        if fault == Some(Fault::Lost) {
            return Err(Failure::BrokenAnswer);
        }
        // What has arrived is read a little later than the timers go off.
        tokio::task::yield_now().await;
        if self.cut.load(SeqCst) {
            return Err(Failure::ConnectionRefused);
        }
        Ok(match (outcome, fault) {
            (Outcome::Reply(reply), Some(Fault::Broken)) => Outcome::Broken(reply),
            (Outcome::Reply(mut reply), Some(fault @ (Fault::Garbled | Fault::Huge))) => {
                reply.grants = None;
                if fault == Fault::Garbled {
                    reply.body.truncate(reply.body.len() / 2);
                }
                Outcome::Reply(reply)
            }
            (outcome, _) => outcome,
        })
    }

    async fn instead(
        &self,
        to: (usize, Endpoint),
        fault: Option<Fault>,
    ) -> Result<Outcome, Failure> {
        let said = |status: u16, body: &str| Outcome::Reply(Reply::new(status, body));
        Ok(match fault {
            Some(Fault::Json(status)) => {
                self.world.said_no(to, status);
                said(status, r#"{"message": "no"}"#)
            }
            Some(Fault::Nobody) => {
                self.world.said_no(to, 401);
                said(200, r#"{"data": {"me": null}}"#)
            }
            Some(Fault::Empty) => said(200, "{}"),
            Some(Fault::Page(status)) => Outcome::Page(status),
            Some(Fault::Redirect) => Outcome::Redirect,
            Some(Fault::Hang) => {
                sleep(FOREVER).await;
                return Err(Failure::Timeout);
            }
            _ => return Err(Failure::BrokenAnswer),
        })
    }

    fn arrived(&self, site: usize, reply: &Reply) {
        if let Some(token) = &reply.grants {
            self.world.stacks().delivered(site, token);
        }
    }

    /// What answers the SDK of AWS.
    pub(super) fn calls(&self) -> Calls {
        let cable = self.clone();
        Calls::new(move |request| {
            let cable = cable.clone();
            async move { cable.call(request).await }.boxed()
        })
    }

    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let signature = request.headers().get("authorization").map(str::to_owned);
        let body = request.body().bytes().unwrap_or_default().to_vec();
        let to = (0, Endpoint::Sts);
        let answer = self.ask(to, signature.as_deref(), &body).await;
        let lost = |what: &str| ConnectorError::io(std::io::Error::other(what.to_owned()).into());
        let page = |status: u16, body: &str| {
            let answer = http::Response::builder().status(status);
            let answer = answer.header("content-type", "text/html");
            answer.body(body.to_owned().into()).unwrap()
        };
        let answer = match answer {
            Err(_) | Ok(Outcome::Broken(_)) => return Err(lost("cut off")),
            Ok(Outcome::Page(status)) => page(status, "<!doctype html><title>Blocked</title>"),
            Ok(Outcome::Redirect) => page(302, ""),
            Ok(Outcome::Reply(reply)) => {
                let answer = http::Response::builder().status(reply.status);
                answer.body(reply.body.into()).unwrap()
            }
        };
        HttpResponse::try_from(answer).map_err(|_| lost("no answer"))
    }
}

#[async_trait]
impl Wire for Cable {
    async fn carry(&self, request: Request) -> Result<Response, Failure> {
        let url = request.url().clone();
        let port = usize::from(url.port().unwrap());
        if !(1..=SITES).contains(&(port % 100)) {
            return Err(Failure::ConnectionRefused);
        }
        let endpoint = match url.path() {
            "/config.json" => Endpoint::Config,
            "/api/token" => Endpoint::Token,
            "/api/auth/get_credentials" => Endpoint::Credentials,
            "/graphql" => Endpoint::Graphql,
            other => panic!("nobody serves {other}"),
        };
        let site = (port % 100) - 1;
        let bearer = request.headers().get("authorization");
        let bearer = bearer.map(|it| it.to_str().unwrap().to_owned());
        let body = request
            .body()
            .and_then(Body::as_bytes)
            .unwrap_or_default()
            .to_vec();
        let outcome = self.ask((site, endpoint), bearer.as_deref(), &body).await?;
        let answer = http::Response::builder();
        let answer = match outcome {
            Outcome::Page(status) => answer
                .status(status)
                .header("content-type", "text/html")
                .body(Body::from("<!doctype html><title>Blocked</title>")),
            Outcome::Redirect => answer
                .status(302)
                .header("location", "http://portal.example/")
                .body(Body::default()),
            Outcome::Broken(reply) => {
                let half = reply.body.len() / 2;
                let half = reply.body.into_bytes()[..half].to_vec();
                let pieces = [Ok(half), Err(std::io::Error::other("cut off"))];
                let pieces = futures_util::stream::iter(pieces);
                answer.status(reply.status).body(Body::wrap_stream(pieces))
            }
            Outcome::Reply(reply) => {
                self.arrived(site, &reply);
                answer
                    .status(reply.status)
                    .header("content-type", "application/json")
                    .body(Body::from(reply.body))
            }
        };
        Ok(Response::from(answer.unwrap()))
    }
}
