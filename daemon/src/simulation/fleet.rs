//! A thousand daemons on one stack: no herd, whatever they have in common.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use quilt_network::Failure;
use quilt_proto::{CatalogUrl, ProfileName, Timestamp};
use reqwest::{Body, Request, Response};
use serde_json::json;
use tokio::time::sleep;

use super::figures;
use super::random::seed_jitter;
use super::time::{Passed, SimClock};
use crate::aws::Aws;
use crate::clock::SharedClock;
use crate::credential::{self, Vault};
use crate::metrics::{RefreshMeter, Upstream};
use crate::quilt3::ConfigFile;
use crate::session::{self, SessionEvents, Sessions};
use crate::settings::SettingsFile;
use crate::stack::{StackClient, Wire};
use crate::token_store::{Record, Store};

const DAEMONS: usize = 1000;

/// No second may see more of them than this.
const HERD: usize = DAEMONS / 20;

const CATALOG: &str = "http://127.0.0.1:7001";

/// A stack that counts, second by second.
struct Counting {
    clock: Arc<SimClock>,
    is_down: AtomicBool,
    serial: AtomicU64,
    seconds: Mutex<BTreeMap<(i64, String), usize>>,
}

impl Counting {
    fn later(&self, seconds: i64) -> Timestamp {
        self.clock.true_time().plus_seconds(seconds)
    }

    /// The most requests of one kind in a second since then.
    fn worst(&self, since: i64) -> (usize, i64, String) {
        let seconds = self.seconds.lock();
        let since = seconds.iter().filter(|((second, _), _)| *second > since);
        let worst = since.max_by_key(|(_, count)| **count);
        let ((second, path), count) = worst.unwrap();
        (*count, *second, path.clone())
    }
}

#[async_trait]
impl Wire for Counting {
    async fn carry(&self, request: Request) -> Result<Response, Failure> {
        let path = request.url().path().to_owned();
        let second = self.clock.true_time().unix();
        *self
            .seconds
            .lock()
            .entry((second, path.clone()))
            .or_default() += 1;
        sleep(Duration::from_millis(20)).await;
        if self.is_down.load(SeqCst) {
            return Err(Failure::ConnectionRefused);
        }
        let serial = self.serial.fetch_add(1, SeqCst);
        let body = if path == "/api/token" {
            json!({
                "access_token": format!("access.{serial}.token"), "refresh_token": "refresh",
                "expires_at": self.later(3600).unix(),
            })
        } else {
            json!({
                "AccessKeyId": format!("ASIASIM{serial:013}"),
                "SecretAccessKey": "secretsecretsecretsecretsecretsecretsecr",
                "SessionToken": "token", "Expiration": self.later(3600),
            })
        };
        let answer = http::Response::builder();
        let answer = answer.header("content-type", "application/json");
        Ok(Response::from(
            answer.body(Body::from(body.to_string())).unwrap(),
        ))
    }
}

struct One {
    sessions: Arc<Sessions>,
    vault: Arc<Vault>,
}

/// Daemons that are logged in since the same second.
async fn fleet(stack: &Arc<StackClient>, clock: &SharedClock, dir: &std::path::Path) -> Vec<One> {
    let aws = Arc::new(Aws::new(&Arc::default(), &Upstream::default()).await);
    let settings = Arc::new(SettingsFile::new(dir.join("quiltd.toml")));
    let catalog: CatalogUrl = CATALOG.parse().unwrap();
    let mut fleet = Vec::new();
    for _ in 0..DAEMONS {
        let (store, events) = (Store::in_memory(), SessionEvents::default());
        let record = Record::of_test(CATALOG.parse().unwrap(), clock.now().wall);
        store.put(&catalog, record).await;
        let dependencies = session::Dependencies {
            events: events.clone(),
            ..session::Dependencies::of_test(Arc::clone(stack), store, Arc::clone(clock))
        };
        let sessions = Arc::new(Sessions::load(dependencies).await.unwrap());
        let vault = Vault::new(credential::Dependencies {
            sessions: Arc::clone(&sessions),
            config: ConfigFile::new(dir.to_owned()),
            stack: Arc::clone(stack),
            aws: Arc::clone(&aws),
            settings: Arc::clone(&settings),
            // As if each had a grant.
            in_use: Arc::new(|_, _| true),
            clock: Arc::clone(clock),
            meter: RefreshMeter::default(),
            changes: events.changes,
        });
        fleet.push(One { sessions, vault });
    }
    fleet
}

impl One {
    async fn vend(&self) -> bool {
        let session = self.sessions.session(&CATALOG.parse().unwrap());
        let profile = ProfileName::default_profile();
        let timeout = Duration::from_secs(3);
        let vended = self.vault.credentials(&session, &profile, timeout).await;
        vended.is_ok()
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_daemons_recover_without_a_herd() {
    seed_jitter(3);
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(SimClock::from(Passed::default()));
    let counting = Arc::new(Counting {
        clock: Arc::clone(&clock),
        is_down: AtomicBool::new(false),
        serial: AtomicU64::new(1),
        seconds: Mutex::default(),
    });
    let wire: Arc<dyn Wire> = Arc::<Counting>::clone(&counting);
    let stack = Arc::new(StackClient::default().over(wire));
    let shared: SharedClock = Arc::<SimClock>::clone(&clock);
    let fleet = fleet(&stack, &shared, dir.path()).await;
    for one in &fleet {
        assert!(one.vend().await);
    }
    let (worst, at, path) = counting.worst(0);
    assert!(
        worst >= HERD,
        "the control: {worst} of {path} in the second {at}"
    );
    let began = clock.true_time().unix();
    sleep(Duration::from_mins(40)).await;
    counting.is_down.store(true, SeqCst);
    sleep(Duration::from_mins(80)).await;
    counting.is_down.store(false, SeqCst);
    let up = clock.true_time().unix();
    sleep(Duration::from_mins(6)).await;
    let mut back = 0;
    for one in &fleet {
        back += usize::from(one.vend().await);
    }
    assert_eq!(back, DAEMONS);
    let (worst, at, path) = counting.worst(began);
    assert!(
        worst <= HERD,
        "{worst} of {path} in the second {at}, up again at {up}"
    );
    let (after, ..) = counting.worst(up);
    let line = format!(
        "1,000 daemons: at most {worst} requests of one kind in a second, {after} once the stack \
         is up again"
    );
    figures::tell("a thousand daemons", &line);
}
