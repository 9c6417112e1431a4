//! A daemon in this process: the app and its API, without sockets.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Method, Request, header};
use quilt_proto::Timestamp;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::wire::Cable;
use super::world::World;
use crate::api;
use crate::app::{App, Config, External};
use crate::grant::Endpoint;
use crate::token_store::{StoreChoice, StoreError};

/// How much longer a change may take where somebody else holds a lock.
const LOCKS: Duration = Duration::from_secs(30);

pub(super) struct Daemon {
    pub(super) index: usize,
    pub(super) app: Arc<App>,
    router: Router,
    cable: Cable,
    way: Way,
    stopping: AtomicBool,
    under_way: tokio::sync::watch::Sender<usize>,
}

/// What a request came to.
pub(super) struct Answer {
    pub(super) status: u16,
    /// The code of a problem; empty where it is none.
    pub(super) code: String,
    pub(super) detail: String,
    pub(super) body: Value,
    /// When it was given, by the machine's clock.
    pub(super) at: Timestamp,
    /// Meanwhile everything froze, or a lock was let go: time went that nobody
    /// waits for any more.
    pub(super) was_held_up: bool,
}

impl Answer {
    pub(super) fn is_ok(&self) -> bool {
        self.status < 300
    }
}

/// A request.
pub(super) struct Asked<'a> {
    pub(super) method: Method,
    pub(super) path: &'a str,
    pub(super) body: Option<Value>,
    /// Within which it is answered, whatever happens.
    pub(super) limit: Duration,
}

impl Daemon {
    /// Starts one; as often as it takes, where the store is in trouble.
    pub(super) async fn start(world: &Arc<World>, index: usize) -> Arc<Self> {
        loop {
            match Self::try_start(world, index).await {
                Ok(daemon) => return daemon,
                Err(_) if world.is_store_troubled() => {
                    world.note(format!("daemon {index} does not start"));
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Err(error) => panic!("daemon {index} does not start: {error}"),
            }
        }
    }

    async fn try_start(world: &Arc<World>, index: usize) -> Result<Arc<Self>, StoreError> {
        let (cable, way) = (Cable::new(world), Way::new(world));
        let external = External {
            clock: world.clock(),
            wire: Some(Arc::new(cable.clone())),
            calls: Some(cable.calls()),
        };
        let config = Config {
            settings: world.config_dir().join("quiltd.toml"),
            token_store: StoreChoice::File,
            state_dir: way.state_dir(),
            python_sdk_dir: world.config_dir(),
        };
        let socket = way.state_dir().join("quiltd.sock");
        let app = App::build_in(
            external,
            config,
            Vec::new(),
            socket,
            CancellationToken::new(),
        );
        let app = Arc::new(app.await?);
        tokio::spawn(follow(Arc::downgrade(&app)));
        world.note(format!("daemon {index} starts"));
        world.audited(app.audit.clone());
        if app.grants.resume() {
            let reopened = app.grants.reopen(|port| Ok(endpoint(port)));
            assert!(reopened.is_ok(), "{reopened:?}");
        }
        Ok(Arc::new(Self {
            index,
            router: api::router(Arc::clone(&app)),
            app,
            cable,
            way,
            stopping: AtomicBool::new(false),
            under_way: tokio::sync::watch::Sender::new(0),
        }))
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(SeqCst)
    }

    pub(super) fn is_dead(&self) -> bool {
        self.cable.cut.load(SeqCst)
    }

    /// Asks, as programs do over the socket. Nothing comes of it where the
    /// daemon is killed meanwhile.
    pub(super) async fn ask(&self, world: &World, asked: Asked<'_>) -> Option<Answer> {
        let is_change = asked.method != Method::GET;
        let mut request = Request::builder().method(asked.method).uri(asked.path);
        if asked.body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = asked
            .body
            .map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let request = request.body(body).unwrap();
        let (began, disturbed) = (Instant::now(), world.seen().disturbances);
        let was_disturbed = world.was_disturbed();
        let was_held = world.is_lock_held();
        self.under_way.send_modify(|count| *count += 1);
        let answered = async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            let body = axum::body::to_bytes(response.into_body(), 1 << 24)
                .await
                .unwrap();
            (status, body)
        };
        let answered = tokio::time::timeout(Duration::from_mins(30), answered).await;
        self.under_way.send_modify(|count| *count -= 1);
        if self.is_dead() {
            return None;
        }
        let took = began.elapsed();
        // Changes wait for their turn, and then for a lock, and say so.
        let limit = if is_change && world.is_store_troubled() {
            asked.limit + LOCKS
        } else {
            asked.limit
        };
        let is_disturbed = disturbed != world.seen().disturbances;
        if took > limit && !is_disturbed {
            world.breach(format!("{} was answered after {took:?}", asked.path));
        }
        let Ok((status, body)) = answered else {
            world.breach(format!("{} is never answered", asked.path));
            return None;
        };
        world.seen().answers += 1;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let said = |name: &str| {
            let said = body[name].as_str().filter(|_| status >= 400);
            said.unwrap_or_default().to_owned()
        };
        Some(Answer {
            status,
            code: said("code"),
            detail: said("detail"),
            body,
            at: world.wall(),
            was_held_up: was_disturbed || is_disturbed || was_held && !world.is_lock_held(),
        })
    }

    /// SIGTERM: no new requests, those under way end, and the daemon with them.
    pub(super) async fn stop(&self, world: &World) {
        world.note(format!("daemon {} stops", self.index));
        self.stopping.store(true, SeqCst);
        self.app.shutdown.cancel();
        let mut under_way = self.under_way.subscribe();
        // As long as the listener lets requests end.
        let ended = under_way.wait_for(|count| *count == 0);
        let _ = tokio::time::timeout(Duration::from_secs(5), ended).await;
        self.app.finish_rotations().await;
        self.app.sessions.store().keep_known_catalogs().await;
        self.kill(world);
    }

    /// SIGKILL.
    pub(super) fn kill(&self, world: &World) {
        world.note(format!("daemon {} is gone", self.index));
        self.stopping.store(true, SeqCst);
        self.cable.cut.store(true, SeqCst);
        world.finish_audit(&self.app.audit);
        self.way.end();
        world.left_behind();
        self.app.shutdown.cancel();
    }
}

/// A daemon's own way to the state directory that all share, which ends with it:
/// what is left of its tasks must not do what a process that is gone cannot.
struct Way(PathBuf);

impl Way {
    fn new(world: &World) -> Self {
        let number = world.stacks().next();
        let own = world.dir.path().join(format!("way-{number}"));
        std::fs::create_dir(&own).unwrap();
        Self(own)
    }

    fn state_dir(&self) -> PathBuf {
        self.0.join("..").join("state")
    }

    /// Nothing can be reached over a file.
    fn end(&self) {
        std::fs::remove_dir(&self.0).unwrap();
        std::fs::write(&self.0, "").unwrap();
    }
}

/// Takes up settings although nobody asks, more rarely than daemons do, which
/// look every few seconds.
async fn follow(app: Weak<App>) {
    loop {
        tokio::time::sleep(Duration::from_mins(1)).await;
        match app.upgrade().filter(|app| !app.shutdown.is_cancelled()) {
            Some(app) => app.vault.follow_settings(),
            None => return,
        }
    }
}

/// Where rights are good. Nobody listens: what opens is asked below the socket.
pub(super) fn endpoint(port: u16) -> Endpoint {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Endpoint::new(address, CancellationToken::new())
}
