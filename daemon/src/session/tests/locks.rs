//! Sessions over a store whose locks another process has, and does not let go.

use std::fs::File;

use futures_util::future::join_all;
use quilt_proto::Timestamp;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::*;
use crate::clock::manual::ManualClock;
use crate::stack::StackConfig;
use crate::token_store::{self, Record, Reservation, StoreChoice};

const NOW: i64 = 1_800_000_000;

/// How long somebody who asks for what needs no lock may wait.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long somebody who changes something may wait, whoever came before.
const LONGEST: Duration = Duration::from_secs(26);

struct Scene {
    dir: TempDir,
    clock: Arc<ManualClock>,
    sessions: Sessions,
    session: Arc<Session>,
}

impl Scene {
    async fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let store = token_store::open(StoreChoice::File, dir.path()).await;
        let clock = Arc::new(ManualClock::at(NOW));
        let dependencies = Dependencies {
            store: store.unwrap(),
            clock: Arc::<ManualClock>::clone(&clock),
            ..dependencies()
        };
        let sessions = Sessions::load(dependencies).await.unwrap();
        let session = sessions.session(&catalog("a"));
        Self {
            dir,
            clock,
            sessions,
            session,
        }
    }

    /// Another process takes a lock.
    fn hold(&self, name: &str) -> File {
        let path = self.dir.path().join(name);
        let file = File::options().create(true).append(true).open(path);
        let file = file.unwrap();
        file.try_lock().unwrap();
        file
    }

    async fn stored(&self) -> Option<String> {
        let record = self.sessions.store().look().await.unwrap();
        let record = record.sessions.get(self.session.catalog()).cloned();
        record.map(|record| record.login_id)
    }

    async fn login(&self, id: &str) -> Result<(), SessionError> {
        let record = Record {
            login_id: id.to_owned(),
            ..Record::of_test(
                "https://registry.example".parse().unwrap(),
                Timestamp::from_unix(NOW),
            )
        };
        let (epoch, room) = (self.session.epoch(), Reservation::default());
        // The first use of a catalog is free.
        let published = StackConfig {
            registry_host: record.registry_url.host().unwrap(),
            registry_url: record.registry_url.clone(),
            region: None,
            values: serde_json::Map::new(),
            date: None,
        };
        let trust = self.session.registry_trust();
        let trusted = trust.verify_published(published, None).await?;
        login::settle(&self.session, epoch, &trusted, record, room).await
    }
}

#[tokio::test(start_paused = true)]
async fn however_many_log_out_at_once_each_is_told_in_time_what_is_waited_for() {
    let scene = Scene::new().await;
    scene.login("one").await.unwrap();
    let lock = scene.hold("sessions.lock");
    let asked = Instant::now();
    let logouts = (0..10).map(|_| async {
        let outcome = logout::log_out(&scene.session).await;
        (outcome, asked.elapsed())
    });
    for (outcome, waited) in join_all(logouts).await {
        let is_told = matches!(
            outcome,
            Err(SessionError::HalfLoggedOut(StoreError::Busy(_)))
        );
        assert!(is_told && waited < LONGEST, "{outcome:?} {waited:?}");
    }
    assert!(scene.session.check().is_err(), "nobody uses it any more");
    assert!(scene.stored().await.is_some());
    drop(lock);
    // Those that were not waited for.
    sleep(PATIENCE).await;
    assert_eq!(scene.stored().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_could_not_be_stored_is_stored_although_nobody_asks() {
    let scene = Scene::new().await;
    let lock = scene.hold("sessions.lock");
    let outcome = scene.login("one").await;
    assert!(
        matches!(outcome, Err(SessionError::Store(StoreError::Busy(_)))),
        "{outcome:?}"
    );
    drop(lock);
    for _ in 0..5 {
        sleep(LONGEST).await;
        scene.clock.advance(300);
    }
    sleep(PATIENCE).await;
    assert_eq!(scene.stored().await.as_deref(), Some("one"));
    let bearer = scene.session.bearer(PATIENCE).await.unwrap();
    assert_eq!(bearer.token.expose(), "access");
}
