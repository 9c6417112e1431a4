//! The file store against broken, foreign and full surroundings.

mod locks;
mod properties;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use quilt_proto::{Secret, Timestamp};
use tempfile::TempDir;

use super::*;
use crate::files::FileError;

fn record(token: &str) -> Record {
    Record {
        registry_url: "https://registry.quilt.example".parse().unwrap(),
        login_id: "login".to_owned(),
        method: LoginMethod::Code,
        refresh_token: Secret::new(token),
        access_token: Secret::new("access"),
        access_token_expires_at: Timestamp::from_unix(1_800_000_000),
        obtained_at: Timestamp::from_unix(1_800_000_000),
        ended: false,
        ended_at: None,
        role_switches: 0,
    }
}

fn catalog() -> CatalogUrl {
    "https://demo.quilt.example".parse().unwrap()
}

async fn file_store(dir: &Path) -> Store {
    open(StoreChoice::File, dir).await.unwrap()
}

async fn put(store: &Store, token: &str) {
    let room = store.reserve().await.unwrap();
    let change = |document: &mut Document| {
        document.sessions.insert(catalog(), record(token));
        Some(())
    };
    store.update(room, change).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_is_read_back_by_another_store() {
    let dir = TempDir::new().unwrap();
    let state = dir.path().join("deep/quilt");
    put(&file_store(&state).await, "one").await;
    put(&file_store(&state).await, "two").await;
    let read = file_store(&state)
        .await
        .record(&catalog())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(read, record("two"));
    assert_eq!(fs::metadata(&state).unwrap().mode() & 0o777, 0o700);
    let file = fs::metadata(state.join("sessions.json")).unwrap();
    assert_eq!(file.mode() & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_temporary_file_stays() {
    let dir = TempDir::new().unwrap();
    let store = file_store(dir.path()).await;
    put(&store, "one").await;
    drop(store.reserve().await.unwrap());
    let mut names: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["sessions.json", "sessions.lock"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_daemon_left_is_removed_and_what_a_live_one_holds_is_not() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join(".sessions-left"), "tokens").unwrap();
    let store = file_store(dir.path()).await;
    let room = store.reserve().await.unwrap();
    file_store(dir.path()).await;
    assert!(!dir.path().join(".sessions-left").exists());
    let change = |document: &mut Document| {
        document.sessions.insert(catalog(), record("kept"));
        Some(())
    };
    store.update(room, change).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_is_kept_aside_and_reported() {
    for broken in ["", "{", "[]", "{\"version\":1,\"sessions\":7}", "\u{0}"] {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join("sessions.json"), broken).unwrap();
        let store = file_store(dir.path()).await;
        assert_eq!(store.load().await.unwrap(), Document::default());
        let StoreNote::SetAside { file, kept_as } = store.notes().remove(0) else {
            panic!("another note");
        };
        assert_eq!(file, dir.path().join("sessions.json"));
        assert_eq!(fs::read_to_string(&kept_as).unwrap(), broken);
        // Who logs in again has mended it.
        put(&store, "new").await;
        assert_eq!(store.notes(), []);
        assert_eq!(fs::read_to_string(kept_as).unwrap(), broken);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_the_future_is_left_alone() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("sessions.json");
    fs::write(&path, "{\"version\":2,\"news\":[]}").unwrap();
    let store = file_store(dir.path()).await;
    assert!(matches!(store.load().await, Err(StoreError::Newer(_))));
    let update = store.update(Reservation::default(), |_| Some(())).await;
    assert!(matches!(update, Err(StoreError::Newer(_))));
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "{\"version\":2,\"news\":[]}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_symlink_is_not_followed() {
    let dir = TempDir::new().unwrap();
    let elsewhere = dir.path().join("elsewhere");
    fs::write(&elsewhere, "{\"version\":1}").unwrap();
    symlink(&elsewhere, dir.path().join("sessions.json")).unwrap();
    let refused = file_store(dir.path()).await.load().await.err().unwrap();
    let line = refused.to_string();
    assert!(
        line.ends_with("sessions.json is a symlink, which is not followed"),
        "{line}"
    );

    fs::remove_file(dir.path().join("sessions.json")).unwrap();
    fs::create_dir(dir.path().join("sessions.json")).unwrap();
    let refused = file_store(dir.path()).await.load().await.err().unwrap();
    let line = refused.to_string();
    assert!(
        line.ends_with("sessions.json is not a regular file"),
        "{line}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_others_may_write_to_is_refused() {
    let dir = TempDir::new().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let refused = open(StoreChoice::File, dir.path()).await;
    assert!(matches!(
        refused.err(),
        Some(StoreError::File(FileError::Distrusted(_)))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_cannot_be_made_is_a_clear_error() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = open(StoreChoice::File, &file.join("quilt"))
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.starts_with("cannot enter ") && !error.contains('\n'),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stores_on_one_directory_never_lose_an_update() {
    let dir = TempDir::new().unwrap();
    let (one, two) = (file_store(dir.path()).await, file_store(dir.path()).await);
    let add = |store: Store, name: String| async move {
        let catalog: CatalogUrl = format!("https://{name}.example").parse().unwrap();
        let change = |document: &mut Document| {
            document.sessions.insert(catalog, record("x"));
            Some(())
        };
        store.update(Reservation::default(), change).await.unwrap();
    };
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let store = if n % 2 == 0 { one.clone() } else { two.clone() };
            tokio::spawn(add(store, format!("c{n}")))
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(one.load().await.unwrap().sessions.len(), 20);
}
