//! Registries in a store that fails on demand.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::TryStreamExt;
use proptest::prelude::*;
use quilt_proto::{PackageName, TopHash};
use tokio::runtime;

use super::layout::Layout;
use super::memory::{Fault, Memory};
use super::{PackageError, Registry};

fn registry(layout: Layout, memory: &Memory) -> Registry {
    Registry::new(
        "s3://lake".to_owned(),
        Some(layout),
        Arc::new(memory.clone()),
    )
}

fn hash(seed: u8) -> String {
    format!("{seed:02x}").repeat(32)
}

fn package() -> PackageName {
    "ns/name".parse().unwrap()
}

/// What each layout keeps of one package: versions by time.
fn seed(layout: Layout, memory: &Memory, versions: &[(u64, u8)]) {
    let newest = versions.iter().max_by_key(|(at, seed)| (at, hash(*seed)));
    for (at, seed) in versions {
        let modified = i64::try_from(*at).unwrap() * 1_000_000;
        match layout {
            Layout::One => {
                memory.put(&format!(".quilt/packages/{}", hash(*seed)), "{}", modified);
                let key = format!(".quilt/named_packages/ns/name/{at}");
                memory.put(&key, &hash(*seed), modified);
            }
            Layout::Two => {
                let key = format!(".quilt/v2/manifests/ns@name/{}/manifest.jsonl", hash(*seed));
                memory.put(&key, "{}", modified);
            }
        }
    }
    if let Some((_, seed)) = newest {
        memory.put(latest(layout), &hash(*seed), 0);
    }
}

fn latest(layout: Layout) -> &'static str {
    match layout {
        Layout::One => ".quilt/named_packages/ns/name/latest",
        Layout::Two => ".quilt/v2/tags/ns@name/latest",
    }
}

/// Whoever may write there chooses what they are called.
#[tokio::test]
async fn more_versions_than_a_client_takes_are_refused_in_words() {
    for layout in [Layout::One, Layout::Two] {
        let memory = Memory::default();
        seed(layout, &memory, &[(1_700_000_000, 1)]);
        let registry = registry(layout, &memory);
        assert!(!registry.versions(&package()).await.unwrap().is_empty());
        for letter in 'a'..='t' {
            let name = letter.to_string().repeat(1024 * 1024);
            let key = match layout {
                Layout::One => format!(".quilt/named_packages/ns/name/{name}"),
                Layout::Two => format!(".quilt/v2/manifests/ns@name/{name}/manifest.jsonl"),
            };
            memory.put(&key, &hash(1), 0);
        }
        let refused = registry.versions(&package()).await.unwrap_err().to_string();
        assert!(
            refused.contains("more versions than can be listed"),
            "{refused}"
        );
    }
}

async fn names(registry: &Registry) -> Vec<String> {
    use futures_util::TryStreamExt;
    registry.names().try_concat().await.unwrap()
}

/// `latest` is a version that is there, or there is none.
async fn check_latest(layout: Layout, memory: &Memory) {
    let Some(latest) = memory.text(latest(layout)) else {
        return;
    };
    let versions = registry(layout, memory).versions(&package()).await.unwrap();
    let others = versions
        .iter()
        .filter(|version| version.version != "latest");
    let there: Vec<_> = others.map(|version| version.top_hash.as_str()).collect();
    assert!(
        there.contains(&latest.as_str()),
        "latest is {latest}, there are {there:?}"
    );
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work)
}

async fn listed(layout: Layout, memory: &Memory) -> Vec<String> {
    let versions = registry(layout, memory).versions(&package()).await;
    let versions = versions.unwrap().into_iter();
    versions.map(|version| version.version).collect()
}

#[tokio::test]
async fn versions_come_latest_first() {
    let memory = Memory::default();
    seed(Layout::One, &memory, &[(5, 1), (30, 2), (200, 1)]);
    let order = listed(Layout::One, &memory).await;
    assert_eq!(order, ["latest", "200", "30", "5"]);
    seed(Layout::Two, &memory, &[(5, 1), (30, 2)]);
    let order = listed(Layout::Two, &memory).await;
    assert_eq!(order, ["30", "5"]);
}

#[tokio::test]
async fn what_does_not_exist_is_an_error_and_changes_nothing() {
    for layout in [Layout::One, Layout::Two] {
        let memory = Memory::default();
        seed(layout, &memory, &[(1, 1), (2, 2)]);
        let before = memory.keys();
        let registry = registry(layout, &memory);
        let other: PackageName = "ns/other".parse().unwrap();
        let missing: TopHash = hash(9).parse().unwrap();
        let prefix: TopHash = "090909".parse().unwrap();
        let unknown = registry.versions(&other).await;
        assert!(matches!(unknown, Err(PackageError::NoSuchPackage { .. })));
        let unknown = registry.delete(&other, None).await;
        assert!(matches!(unknown, Err(PackageError::NoSuchPackage { .. })));
        let unknown = registry.delete(&package(), Some(&missing)).await;
        assert!(matches!(unknown, Err(PackageError::NoSuchVersion { .. })));
        let unknown = registry.delete(&package(), Some(&prefix)).await;
        assert!(matches!(unknown, Err(PackageError::NoMatch { .. })));
        assert_eq!(memory.keys(), before);
    }
}

#[tokio::test]
async fn a_prefix_has_to_be_unique() {
    for layout in [Layout::One, Layout::Two] {
        let memory = Memory::default();
        seed(layout, &memory, &[(1, 0xab), (2, 0xcd)]);
        let twin = format!("{}ff", &hash(0xab)[..62]);
        let key = match layout {
            Layout::One => format!(".quilt/packages/{twin}"),
            Layout::Two => format!(".quilt/v2/manifests/ns@name/{twin}/manifest.jsonl"),
        };
        memory.put(&key, "{}", 3_000_000);
        let registry = registry(layout, &memory);
        let delete = async |prefix: &str| {
            registry
                .delete(&package(), Some(&prefix.parse().unwrap()))
                .await
        };
        assert!(matches!(
            delete("ababab").await,
            Err(PackageError::ManyMatches { .. })
        ));
        assert_eq!(delete("cdcdcd").await.unwrap().top_hash, Some(hash(0xcd)));
        check_latest(layout, &memory).await;
    }
}

#[tokio::test]
async fn layouts_are_detected() {
    let memory = Memory::default();
    let check = async |expected: Layout| {
        assert_eq!(Layout::detect(&memory).await.unwrap(), expected);
        let any = Registry::new("s3://lake".to_owned(), None, Arc::new(memory.clone()));
        let names: Vec<String> = any.names().try_concat().await.unwrap();
        let same = registry(expected, &memory).names();
        assert_eq!(names, same.try_concat().await.unwrap());
        names.len()
    };
    assert_eq!(check(Layout::One).await, 0);
    seed(Layout::Two, &memory, &[(1, 1)]);
    assert_eq!(check(Layout::Two).await, 1);
    seed(Layout::One, &memory, &[(1, 1)]);
    assert_eq!(check(Layout::One).await, 1);
}

#[tokio::test]
async fn names_are_those_of_packages() {
    let memory = Memory::default();
    for key in [
        "ns/a/latest",
        "ns/a/1",
        "ns/a-b/1",
        "ns/file",
        "n s/x/1",
        "n-s/é_1/latest",
    ] {
        memory.put(&format!(".quilt/named_packages/{key}"), "x", 0);
    }
    for key in [
        "ns@a/h/manifest.jsonl",
        "ns@a/g/manifest.jsonl",
        "bad/h/manifest.jsonl",
        "x@y@z/h/m",
    ] {
        memory.put(&format!(".quilt/v2/manifests/{key}"), "x", 0);
    }
    let mut one = names(&registry(Layout::One, &memory)).await;
    one.sort();
    assert_eq!(one, ["n-s/é_1", "ns/a", "ns/a-b"]);
    assert_eq!(names(&registry(Layout::Two, &memory)).await, ["ns/a"]);
}

/// Deletes, cut off at every request there is, then run again: `latest` is
/// right all the time, and in the end all is as if nothing had happened.
async fn survives_crashes(
    layout: Layout,
    versions: &[(u64, u8)],
    top_hash: Option<&TopHash>,
    fault: Fault,
) {
    let run = async |memory: &Memory| registry(layout, memory).delete(&package(), top_hash).await;
    let whole = Memory::default();
    seed(layout, &whole, versions);
    whole.fail_from(None);
    run(&whole).await.unwrap();
    for at in 0..whole.requests() {
        let memory = Memory::default();
        seed(layout, &memory, versions);
        memory.fail_from(Some((at, fault)));
        let first = run(&memory).await;
        memory.fail_from(None);
        check_latest(layout, &memory).await;
        if first.is_err() {
            match run(&memory).await {
                Ok(_)
                | Err(
                    PackageError::NoSuchPackage { .. }
                    | PackageError::NoSuchVersion { .. }
                    | PackageError::NoMatch { .. },
                ) => {}
                Err(error) => panic!("at {at}: {error}"),
            }
        }
        check_latest(layout, &memory).await;
        assert_eq!(memory.keys(), whole.keys(), "cut off at {at}");
        assert_eq!(
            memory.text(latest(layout)),
            whole.text(latest(layout)),
            "cut off at {at}"
        );
    }
}

#[tokio::test]
async fn a_failure_midway_tells_what_was_done_and_how_to_go_on() {
    let memory = Memory::default();
    seed(Layout::One, &memory, &[(1, 1), (2, 2)]);
    // Listing and three pointers, then latest is written, then a pointer goes.
    memory.fail_from(Some((5, Fault::Refused)));
    let top_hash = hash(2).parse().unwrap();
    let error = registry(Layout::One, &memory)
        .delete(&package(), Some(&top_hash))
        .await;
    let Err(PackageError::HalfDeleted(half)) = &error else {
        panic!("{error:?}");
    };
    let progress = &half.progress;
    assert_eq!(progress.latest, Some(hash(1)));
    assert_eq!(progress.deleted, Vec::<String>::new());
    assert_eq!(progress.left.len(), 1);
    assert_eq!((&half.name, &*half.registry), (&package(), "s3://lake"));
    assert_eq!(half.top_hash, Some(hash(2)));
    let text = error.unwrap_err().to_string();
    assert!(
        text.contains("1 object (.quilt/named_packages/ns/name/2) left"),
        "{text}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_crash_leaves_latest_on_a_deleted_version(
        versions in prop::collection::btree_map(1u64..40, 0u8..4, 1..6),
        chosen in any::<prop::sample::Index>(),
        whole in any::<bool>(),
        lost in any::<bool>(),
    ) {
        let versions: Vec<_> = versions.into_iter().collect();
        let top_hash: TopHash = hash(versions[chosen.index(versions.len())].1).parse().unwrap();
        let top_hash = (!whole).then_some(&top_hash);
        let fault = if lost { Fault::LostAnswer } else { Fault::Refused };
        block_on(survives_crashes(Layout::One, &versions, top_hash, fault));
        // There is one manifest for each hash.
        let distinct: BTreeMap<_, _> = versions.iter().map(|(at, seed)| (*seed, *at)).collect();
        let versions: Vec<_> = distinct.into_iter().map(|(seed, at)| (at, seed)).collect();
        block_on(survives_crashes(Layout::Two, &versions, top_hash, fault));
    }
}
