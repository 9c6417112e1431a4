//! Whoever races: memory and store tell the same story, and a logout that came
//! last means logged out.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::poll_immediate;
use quilt_proto::{ApiKeySecret, Secret};
use tokio::task::JoinHandle;

use super::stack::{Answer, Endpoint, below};
use super::world::{Login, World};
use crate::keys::KeyError;
use crate::session::{self, SessionError};

const ROUNDS: usize = 150;

/// What somebody does to a session while others do something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Login,
    Key,
    Role,
    Clear,
    Logout,
    Follow,
}

impl World {
    /// A clock that runs, for what waits a moment before it asks again.
    fn run_clock(&self) {
        let clock = Arc::clone(&self.clock);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(5)).await;
                clock.advance(1);
            }
        });
    }

    async fn act(self: &Arc<Self>, deed: Deed) -> Result<(), KeyError> {
        match deed {
            Deed::Login => {
                let code = Secret::new(self.fake.lock().refresh.clone());
                session::login::with_code(&self.session, &code, None, None).await?;
            }
            Deed::Key => {
                let key: ApiKeySecret = self.fake.lock().key.parse().unwrap();
                self.keys.set(&self.session, &key, None).await?;
            }
            Deed::Role => {
                let role = "Reader".to_owned();
                self.sessions.switch_role(&self.session, role).await?;
            }
            Deed::Clear => drop(self.keys.clear(&self.session)),
            Deed::Logout => drop(session::logout::log_out(&self.session).await?),
            Deed::Follow => self.sessions.sync_with_store().await,
        }
        Ok(())
    }

    /// That a later daemon would find what is here.
    async fn is_one_story(&self) {
        let store = self.sessions.store();
        let stored = store.record(self.session.catalog()).await.unwrap();
        let here = self.session.login_id();
        assert_eq!(here, stored.map(|record| record.login_id));
    }
}

/// Goes on in a task with what has begun: a task alone may begin when a busy
/// machine gets round to it, after what is to come last.
async fn begin(world: Arc<World>, deed: Deed) -> JoinHandle<Result<(), KeyError>> {
    let mut act = Box::pin(async move { world.act(deed).await });
    let ended = poll_immediate(&mut act).await;
    tokio::spawn(async move {
        match ended {
            Some(ended) => ended,
            None => act.await,
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_logout_that_comes_last_means_logged_out() {
    let world = Arc::new(World::new(Login::Code).await);
    world.run_clock();
    world.fake.lock().delay = 4;
    let mut overtaken = 0;
    for round in 0..ROUNDS {
        let first = [Deed::Login, Deed::Key, Deed::Role][round % 3];
        let last = [Deed::Logout, Deed::Logout, Deed::Logout, Deed::Clear][round % 4];
        let began = begin(Arc::clone(&world), first).await;
        let meanwhile = {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                for _ in 0..3 {
                    world.sessions.sync_with_store().await;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            })
        };
        tokio::time::sleep(Duration::from_micros(500 + below(12_000))).await;
        world.act(last).await.unwrap();
        overtaken += usize::from(began.await.unwrap().is_err());
        meanwhile.await.unwrap();
        world.is_one_story().await;
        assert!(
            !world.session.api_key().is_set(),
            "round {round}: {first:?}, then {last:?}"
        );
        if last == Deed::Logout {
            assert_eq!(
                world.session.login_id(),
                None,
                "round {round}: {first:?}, then {last:?}"
            );
        }
        // The code may be spent by a login that was overtaken.
        while world.act(Deed::Login).await.is_err() {}
        world.is_one_story().await;
        assert!(world.session.login_id().is_some());
    }
    assert!(
        overtaken > 10,
        "the control: only {overtaken} were overtaken"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_races_memory_and_store_are_the_same() {
    let world = Arc::new(World::new(Login::Code).await);
    world.run_clock();
    world.fake.lock().delay = 3;
    let deeds = [
        Deed::Login,
        Deed::Key,
        Deed::Role,
        Deed::Clear,
        Deed::Logout,
        Deed::Follow,
    ];
    for _ in 0..ROUNDS {
        let mut under_way = Vec::new();
        for _ in 0..4 {
            let deed = deeds[usize::try_from(below(6)).unwrap()];
            let world = Arc::clone(&world);
            under_way.push(tokio::spawn(async move { world.act(deed).await }));
            tokio::time::sleep(Duration::from_micros(below(3000))).await;
        }
        for deed in under_way {
            let _ = deed.await.unwrap();
        }
        world.is_one_story().await;
    }
}

#[tokio::test]
async fn an_overtaken_login_says_so_at_once() {
    let world = World::new(Login::Code).await;
    world.fake.lock().delay = 0;
    let code = Secret::new(world.fake.lock().refresh.clone());
    // One that is asked about again, on a clock that stands still.
    let refused = Answer::Json(401, "{}");
    world.fake.lock().trouble.push((Endpoint::Token, refused));
    let session = Arc::clone(&world.session);
    let login =
        tokio::spawn(async move { session::login::with_code(&session, &code, None, None).await });
    world.settle().await;
    assert!(!login.is_finished());
    session::logout::log_out(&world.session).await.unwrap();
    world.settle().await;
    let ended = login.await.unwrap();
    assert!(
        matches!(ended, Err(SessionError::Superseded(_))),
        "{ended:?}"
    );
}
