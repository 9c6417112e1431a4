//! Locks that another process has, and does not let go.

use std::fs::File;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::*;

/// The longest that anybody waits for one.
const LONGEST: Duration = Duration::from_secs(21);

/// A lock that another process has.
fn held(dir: &Path, name: &str) -> File {
    let path = dir.join(name);
    let file = File::options().create(true).append(true).open(path);
    let file = file.unwrap();
    file.try_lock().unwrap();
    file
}

async fn waits(store: &Store) -> (bool, Duration) {
    let (asked, change) = (Instant::now(), |_: &mut Document| Some(()));
    let updated = store.update(Reservation::default(), change).await;
    let is_busy = matches!(updated, Err(StoreError::Busy(_)));
    (is_busy, asked.elapsed())
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_later_waits_no_longer_than_the_first() {
    let dir = TempDir::new().unwrap();
    let store = file_store(dir.path()).await;
    put(&store, "one").await;
    let lock = held(dir.path(), "sessions.lock");
    for (is_busy, waited) in join_all((0..10).map(|_| waits(&store))).await {
        assert!(is_busy && waited < LONGEST, "{is_busy} {waited:?}");
    }
    drop(lock);
    let (is_busy, waited) = waits(&store).await;
    assert!(!is_busy && waited < Duration::from_secs(1), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_looks_at_a_catalog_waits_for_nobody() {
    let dir = TempDir::new().unwrap();
    let store = file_store(dir.path()).await;
    put(&store, "one").await;
    let locks = ["sessions.lock", "catalogs.lock"].map(|name| held(dir.path(), name));
    let asked = Instant::now();
    let known = store.known_catalog(&catalog()).await.unwrap();
    assert_eq!(known.registry_url, Some(record("one").registry_url));
    assert!(asked.elapsed() < Duration::from_secs(1));
    assert!(waits(&store).await.0, "they are held");
    drop(locks);
}
