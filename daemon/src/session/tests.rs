//! Sessions over a store, without a stack: what must hold before any request.

mod locks;

use super::*;
use crate::clock::SystemClock;
use std::time::Duration;

fn dependencies() -> Dependencies {
    Dependencies {
        stack: Arc::default(),
        store: Store::in_memory(),
        clock: Arc::new(SystemClock::default()),
        tasks: TaskTracker::new(),
        meter: RefreshMeter::default(),
        events: SessionEvents::default(),
        own_ports: OwnPorts::default(),
    }
}

async fn sessions() -> Sessions {
    Sessions::load(dependencies()).await.unwrap()
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

#[tokio::test]
async fn asking_about_many_catalogs_does_not_fill_the_memory() {
    let sessions = sessions().await;
    let kept = sessions.session(&catalog("kept"));
    let epoch = kept.epoch();
    let key = "qk_abcdefghijklmnop".parse().unwrap();
    kept.set_key(epoch, &key, None, KeyInfo::default()).unwrap();
    drop(kept);
    for n in 0..1000 {
        sessions.session(&catalog(&format!("c{n}")));
    }
    assert!(sessions.all().len() <= MAX_IDLE + 1);
    assert!(sessions.session(&catalog("kept")).check().is_ok());
}
