//! Sessions over a store, without a stack: what must hold before any request.

mod locks;

use super::*;
use crate::clock::SystemClock;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use quilt_network::Failure;
use quilt_proto::{Secret, Timestamp};
use reqwest::{Request, Response};

use crate::refresh::Source;
use crate::stack::{StackClient, Wire};
use crate::token_store::{Record, StoreChoice};

async fn sessions() -> Sessions {
    sessions_over(StackClient::default(), Store::in_memory()).await
}

async fn sessions_over(stack: StackClient, store: Store) -> Sessions {
    let dependencies = Dependencies {
        stack: Arc::new(stack),
        store,
        ..dependencies()
    };
    Sessions::load(dependencies).await.unwrap()
}

fn dependencies() -> Dependencies {
    let clock = Arc::new(SystemClock::default());
    Dependencies::of_test(Arc::default(), Store::in_memory(), clock)
}

fn catalog(name: &str) -> CatalogUrl {
    format!("https://{name}.example").parse().unwrap()
}

#[tokio::test]
async fn nobody_is_logged_in_at_first() {
    let session = sessions().await.session(&catalog("a"));
    let refused = session.bearer(Duration::from_secs(1)).await;
    assert!(matches!(refused, Err(SessionError::LoggedOut(_))));
    assert!(matches!(session.check(), Err(SessionError::LoggedOut(_))));
    assert_eq!(session.status().kind, None);
}

#[tokio::test]
async fn a_key_overrides_and_falls_back_and_changes_the_identity() {
    let sessions = sessions().await;
    let (session, other) = (
        sessions.session(&catalog("a")),
        sessions.session(&catalog("b")),
    );
    let before = session.identity();
    session
        .set_key(
            session.epoch(),
            &"qk_abcdefghijklmnop".parse().unwrap(),
            Some("https://registry.example".parse().unwrap()),
            KeyInfo::default(),
        )
        .unwrap();
    assert_ne!(session.identity(), before);
    let bearer = session.bearer(Duration::from_secs(1)).await.unwrap();
    assert_eq!(bearer.token.expose(), "qk_abcdefghijklmnop");
    assert!(other.bearer(Duration::from_secs(1)).await.is_err());
    assert!(session.clear_key());
    assert!(!session.clear_key());
    assert!(session.bearer(Duration::from_secs(1)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn many_that_may_have_switched_the_role_are_told_of_together_and_none_is_missed() {
    let sessions = sessions().await;
    let session = sessions.session(&catalog("a"));
    let begun = tokio::time::Instant::now();
    let told = futures_util::future::join_all((0..300).map(async |_| {
        let before = session.identity();
        sessions.role_may_have_been_switched(&session).await;
        assert_ne!(session.identity(), before);
        session.identity()
    }));
    let mut told = told.await;
    told.dedup();
    assert_eq!(told.len(), 2, "{told:?}");
    // The first waits for nothing, and between them there is time for others.
    assert_eq!(begun.elapsed().as_secs(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_stays_with_the_catalog_that_knew_it_first_whichever_daemon_is_asked() {
    let dir = tempfile::TempDir::new().unwrap();
    let here = async || {
        let store = crate::token_store::open(StoreChoice::File, dir.path())
            .await
            .unwrap();
        sessions_over(StackClient::default(), store).await
    };
    let key: ApiKeySecret = format!("qk_{}", "a".repeat(20)).parse().unwrap();
    let sessions = here().await;
    assert_eq!(sessions.catalogs_of_key(&key), []);
    for name in ["a", "b"] {
        let session = sessions.session(&catalog(name));
        session.remember_key(key.secret());
        session.registry_trust().keep_notes().await;
    }
    assert_eq!(sessions.catalogs_of_key(&key), [catalog("a")]);
    assert_eq!(here().await.catalogs_of_key(&key), [catalog("a")]);
}

#[tokio::test]
async fn asking_about_many_catalogs_does_not_fill_the_memory() {
    let sessions = sessions().await;
    let kept = sessions.session(&catalog("kept"));
    let epoch = kept.epoch();
    let key = "qk_abcdefghijklmnop".parse().unwrap();
    kept.set_key(epoch, &key, None, KeyInfo::default()).unwrap();
    drop(kept);
    // What is known of a login or key that is over is written nowhere else.
    let over = ["unstored", "logged-out", "forgotten", "unread"];
    let know = |name: &str, how: fn(&mut session::State)| {
        how(&mut sessions.session(&catalog(name)).state.lock());
    };
    know(over[0], |state| state.unstored_logout = Some(String::new()));
    know(over[1], |state| state.logged_out_id = Some(String::new()));
    know(over[2], |state| state.key_forgotten = true);
    let unread = || UnreadKey {
        why: String::new(),
        remedy: "quiltctl status".into(),
    };
    sessions.session(&catalog(over[3])).state.lock().unread_key = Some(unread());
    for n in 0..1000 {
        sessions.session(&catalog(&format!("c{n}")));
    }
    assert!(sessions.all().len() <= MAX_IDLE + over.len() + 1);
    assert!(sessions.session(&catalog("kept")).check().is_ok());
    let left: Vec<_> = sessions
        .all()
        .iter()
        .map(|it| it.catalog().clone())
        .collect();
    for name in over {
        assert!(left.contains(&catalog(name)), "{name}");
    }
}

/// A stack that says this for a refresh token, once somebody has logged in
/// through another daemon on the same store.
struct Meanwhile {
    store: Store,
    answers: Result<u16, Failure>,
}

fn record(name: &str, expires_in: i64) -> Record {
    let now = Timestamp::now();
    Record {
        login_id: name.to_owned(),
        refresh_token: Secret::new(format!("refresh-{name}")),
        access_token: Secret::new(format!("access.{name}.token")),
        access_token_expires_at: now.plus_seconds(expires_in),
        ..Record::of_test("https://registry.example".parse().unwrap(), now)
    }
}

async fn put(store: &Store, record: Record) {
    store.put(&catalog("a"), record).await;
}

#[async_trait]
impl Wire for Meanwhile {
    async fn carry(&self, _request: Request) -> Result<Response, Failure> {
        put(&self.store, record("second", 3600)).await;
        let status = self.answers.clone()?;
        let answer = http::Response::builder().status(status);
        let answer = answer.header("content-type", "application/json");
        let expires_at = Timestamp::now().plus_seconds(3600).unix();
        let body = if status == 200 {
            serde_json::json!({
                "access_token": "access.first.again", "refresh_token": "refresh-first-again",
                "expires_at": expires_at,
            })
        } else {
            serde_json::json!({"message": "Invalid refresh token"})
        };
        Ok(Response::from(answer.body(body.to_string()).unwrap()))
    }
}

/// Sessions over a store with this login, and that stack.
async fn with_login_meanwhile(first: Record, answers: Result<u16, Failure>) -> Arc<Session> {
    let store = Store::in_memory();
    put(&store, first).await;
    let wire = Meanwhile {
        store: store.clone(),
        answers,
    };
    let stack = StackClient::default().over(Arc::new(wire));
    sessions_over(stack, store).await.session(&catalog("a"))
}

#[tokio::test(start_paused = true)]
async fn who_logs_in_elsewhere_while_an_older_login_is_renewed_is_logged_in_here() {
    for answers in [Ok(200), Ok(400), Err(Failure::BrokenAnswer)] {
        let first = record("first", 5);
        let session = with_login_meanwhile(first, answers.clone()).await;
        let bearer = session.bearer(Duration::from_secs(10)).await;
        let token = bearer.map(|bearer| bearer.token.expose().to_owned());
        let token = token.map_err(|error| error.to_string());
        assert_eq!(token.as_deref(), Ok("access.second.token"), "{answers:?}");
        assert_eq!(session.login_id().as_deref(), Some("second"));
        assert!(session.check().is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn who_logs_in_elsewhere_while_an_ended_login_is_asked_about_is_logged_in_here() {
    for answers in [Ok(200), Ok(400), Err(Failure::BrokenAnswer)] {
        let first = Record {
            ended: true,
            ended_at: Some(Timestamp::now()),
            ..record("first", 3600)
        };
        let session = with_login_meanwhile(first, answers.clone()).await;
        let token = session.source.probe().await;
        let token = token.map(|token| token.token.expose().to_owned()).ok();
        assert_eq!(token.as_deref(), Some("access.second.token"), "{answers:?}");
    }
}

/// Answers nobody, and keeps whom was asked for.
#[derive(Default)]
struct Asked(Mutex<Vec<String>>);

#[async_trait]
impl Wire for Asked {
    async fn carry(&self, request: Request) -> Result<Response, Failure> {
        let host = request.url().host_str().unwrap_or_default().to_owned();
        self.0.lock().push(host);
        Err(Failure::Timeout)
    }
}

#[tokio::test]
async fn an_oauth_server_is_looked_for_only_where_the_stack_has_names() {
    for (catalog, registry, asked) in [
        (
            "https://demo.quilt.example",
            "https://demo-registry.quilt.example",
            Some("demo-connect.quilt.example"),
        ),
        // Whoever likes can have `lab-connect.me.uk`.
        ("https://lab.me.uk", "https://registry.lab.me.uk", None),
        (
            "https://lab.github.io",
            "https://registry.lab.example",
            None,
        ),
        ("https://lab.me.uk", "https://10.1.2.3", None),
    ] {
        let wire = Arc::new(Asked::default());
        let stack = StackClient::default().over(Arc::<Asked>::clone(&wire));
        let sessions = sessions_over(stack, Store::in_memory()).await;
        let session = sessions.session(&catalog.parse().unwrap());
        session
            .registry_trust()
            .settle(None, &registry.parse().unwrap());
        let found = web_login::find_connect(&session, None).await;
        let named = wire.0.lock().first().cloned();
        assert_eq!(named.as_deref(), asked, "{catalog}");
        let none = matches!(found, Err(SessionError::NoConnect(_)));
        assert_eq!(none, asked.is_none(), "{catalog}");
    }
}
