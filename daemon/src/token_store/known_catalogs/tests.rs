//! What is known, what is written of it, and who waits.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::files::FileError;

fn catalog() -> CatalogUrl {
    "https://demo.quilt.example".parse().unwrap()
}

fn registry() -> RegistryUrl {
    "https://registry.example".parse().unwrap()
}

#[tokio::test]
async fn catalogs_that_were_only_named_do_not_fill_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let known = KnownCatalogs::in_dir(dir.path());
    remember(&known).await;
    for n in 0..5 * MOST_NAMED {
        let named = format!("https://demo.quilt.example/{n}").parse().unwrap();
        let region = CatalogFact::Region("eu-west-1".to_owned());
        known.learn(&named, vec![region]);
        known.written().await;
        assert!(known.of(&named).unwrap().region.is_some(), "the latest");
    }
    assert!(known.all().unwrap().len() <= MOST_NAMED + 1);
    assert_eq!(known.of(&catalog()).unwrap().registry_url, Some(registry()));
}

async fn remember(known: &KnownCatalogs) {
    trust(known);
    known.written().await;
}

fn trust(known: &KnownCatalogs) {
    let fact = CatalogFact::Registry(registry());
    known.learn(&catalog(), vec![fact]);
}

#[tokio::test]
async fn what_is_known_is_there_for_the_next_daemon() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let known = KnownCatalogs::in_dir(&state);
    assert_eq!(known.of(&catalog()).unwrap(), KnownCatalog::default());
    assert!(!state.exists(), "reading creates nothing");
    remember(&known).await;
    let next = KnownCatalogs::in_dir(&state);
    assert_eq!(next.of(&catalog()).unwrap().registry_url, Some(registry()));
    let mode = std::fs::metadata(state.join(CATALOGS))
        .unwrap()
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
}

#[tokio::test]
async fn what_is_known_of_a_server_is_known_by_its_other_spellings() {
    let known = KnownCatalogs::in_memory();
    remember(&known).await;
    let of = |catalog: &str| known.of(&catalog.parse().unwrap()).unwrap();
    assert_eq!(
        of("https://demo.quilt.example/x").registries_of_same_server,
        [registry()]
    );
    assert_eq!(of("https://demo.quilt.example/x").registry_url, None);
    assert_eq!(
        of("https://lab.quilt.example").registries_of_same_server,
        []
    );
}

#[tokio::test]
async fn a_file_others_may_replace_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    remember(&KnownCatalogs::in_dir(dir.path())).await;
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let known = KnownCatalogs::in_dir(dir.path());
    assert!(matches!(
        known.of(&catalog()),
        Err(StoreError::File(FileError::Distrusted(_)))
    ));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_is_kept_and_noted_until_it_can() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a file");
    std::fs::write(&file, "").unwrap();
    let known = KnownCatalogs::in_dir(&file.join("state"));
    trust(&known);
    let is_there = || known.of(&catalog()).unwrap().registry_url == Some(registry());
    assert!(is_there(), "at once");
    while known.notes().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(is_there());
    // Once there is room, it is written, and there is nothing to say.
    std::fs::remove_file(&file).unwrap();
    known.written().await;
    assert!(is_there() && known.notes().is_empty());
    let next = KnownCatalogs::in_dir(&file.join("state"));
    assert_eq!(next.of(&catalog()).unwrap().registry_url, Some(registry()));
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_was_taken_away_is_not_made_anew() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("state");
    let known = KnownCatalogs::in_dir(&dir);
    trust(&known);
    known.written().await;
    assert!(dir.join(CATALOGS).exists(), "the control: it is made once");
    std::fs::remove_dir_all(&dir).unwrap();
    trust(&known);
    while known.notes().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(!dir.exists());
}

#[tokio::test(start_paused = true)]
async fn whoever_holds_the_lock_keeps_nobody_waiting() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o700)).unwrap();
    let other = Locks::in_dir(dir.path()).known_catalogs().await.unwrap();
    let known = KnownCatalogs::in_dir(dir.path());
    let began = tokio::time::Instant::now();
    trust(&known);
    assert_eq!(known.of(&catalog()).unwrap().registry_url, Some(registry()));
    assert_eq!(began.elapsed(), Duration::ZERO);
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert_eq!(known.notes().len(), 1, "it is said once");
    assert!(!dir.path().join(CATALOGS).exists(), "the control");
    drop(other);
    known.written().await;
    assert_eq!(known.notes(), []);
    let next = KnownCatalogs::in_dir(dir.path());
    assert_eq!(next.of(&catalog()).unwrap().registry_url, Some(registry()));
}

#[tokio::test]
async fn what_is_broken_is_set_aside_and_noted() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o700)).unwrap();
    std::fs::write(dir.path().join(CATALOGS), "{").unwrap();
    let known = KnownCatalogs::in_dir(dir.path());
    let other: CatalogUrl = "https://lab.quilt.example".parse().unwrap();
    assert!(known.of(&catalog()).unwrap().is_lost);
    assert_eq!(known.notes().len(), 1);
    remember(&known).await;
    // For the next daemon as well, and only until it is known again.
    for known in [known, KnownCatalogs::in_dir(dir.path())] {
        let found = known.of(&catalog()).unwrap();
        assert_eq!(
            (found.registry_url, found.is_lost),
            (Some(registry()), false)
        );
        assert!(known.of(&other).unwrap().is_lost);
    }
}
