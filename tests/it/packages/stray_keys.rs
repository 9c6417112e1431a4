//! Keys that no package has, among those of packages: anybody who may write to
//! the bucket can put one there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::State;
use quilt_tests::fake_stack::DEMO_BUCKET;
use quilt_tests::harness::World;

use super::world::{daemon, served};

const POINTERS: &str = ".quilt/named_packages";

const STRAYS: [&str; 9] = [
    "ns//x",
    "/good/latest",
    "a/../b/latest",
    "./x/latest",
    "../x/latest",
    "ns/good//latest",
    "ns/good/x//y",
    "ns/good/../z",
    "ns/good/\u{1b}[2J",
];

/// A daemon that finds S3 at `url`.
async fn asking(url: Option<&str>) -> World {
    let mut world = World::logged_in().await;
    world.daemon.take().unwrap().kill().await;
    let url = url.map_or_else(|| world.stack.s3_url().to_owned(), str::to_owned);
    world.daemon = Some(daemon(&world, &url).await);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_passed_over_and_all_else_is_listed_and_deleted() {
    let world = asking(None).await;
    let set = "default_registry_version=1";
    world.ctl(&["config", "--set", set]).await.ok();
    let control = world.stack.control();
    let put = |key: &str, content: String| {
        let key = format!("{POINTERS}/{key}");
        assert!(control.put_object(DEMO_BUCKET, &key, content), "{key}");
    };
    let hash = "a".repeat(64);
    for key in ["ns/good/1700000000", "ns/good/latest", "ns/other/latest"] {
        put(key, hash.clone());
    }
    let bucket = format!("s3://{DEMO_BUCKET}");
    let list = ["packages", "list", &bucket];
    let before = world.ctl(&list).await.ok();
    assert!(before.contains("ns/good\n") && before.contains("ns/other\n"));
    let of = |action| ["packages", action, "ns/good", "--registry", &bucket];
    let versions = world.ctl(&of("versions")).await.ok();
    for stray in STRAYS {
        put(stray, hash.clone());
        assert_eq!(world.ctl(&list).await.ok(), before, "{stray}");
        assert_eq!(world.ctl(&of("versions")).await.ok(), versions, "{stray}");
    }
    let delete = [&of("delete")[..], &["--yes"]].concat();
    world.ctl(&delete).await.ok();
    for key in ["ns/good/1700000000", "ns/good/latest"] {
        let key = format!("{POINTERS}/{key}");
        assert_eq!(control.object(DEMO_BUCKET, &key), None, "{key}");
    }
    let other = format!("{POINTERS}/ns/other/latest");
    assert!(control.object(DEMO_BUCKET, &other).is_some());
}

async fn page(State(count): State<Arc<AtomicUsize>>) -> String {
    count.fetch_add(1, Ordering::Relaxed);
    format!(
        "<ListBucketResult><IsTruncated>true</IsTruncated>\
         <NextContinuationToken>again</NextContinuationToken>\
         <CommonPrefixes><Prefix>{POINTERS}/ns/</Prefix></CommonPrefixes></ListBucketResult>"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_begins_anew_each_time_ends() {
    let count = Arc::<AtomicUsize>::default();
    let router = axum::Router::new().fallback(page);
    let (url, _serving) = served(router.with_state(Arc::clone(&count))).await;
    let world = asking(Some(&url)).await;
    let list = ["packages", "list", "s3://bucket", "--layout", "1"];
    let run = world.ctl(&list).await;
    assert_eq!(run.code, 5, "{run:?}");
    assert!(run.stderr.contains("what it lists has no end"), "{run:?}");
    let asked = count.load(Ordering::Relaxed);
    assert!((2..40).contains(&asked), "{asked}");
}
