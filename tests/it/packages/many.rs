//! Tens of packages, tens of versions of some, one of them really pushed.

use serde_json::json;

use super::pair::Pair;
use super::world::{Packages, Place, sorted};

const START: u64 = 1_767_000_000;

/// Contents whose hashes have their first six digits in common, and no more.
const ALIKE: [u64; 2] = [407, 4340];

/// Packages in seven namespaces, a content each.
fn single() -> impl Iterator<Item = (String, u64, u64)> {
    (0..60).map(|number| {
        let name = format!("ns{}/package-{number}", number % 7);
        (name, number, START + number)
    })
}

/// Two neighbours; the contents of the second are nowhere else.
fn long() -> impl Iterator<Item = (&'static str, u64, u64)> {
    let first = (0..25).map(|version| ("big/one", version, START + version));
    let contents = (300..320).chain(ALIKE);
    let second = contents.zip(START..);
    first.chain(second.map(|(content, at)| ("big/two", content, at)))
}

async fn written(packages: &mut Packages, place: Place) -> String {
    let registry = packages.registry(place, "many").await;
    for (name, content, at) in single() {
        packages.sdk.build(&name, &registry, content, at).await;
    }
    for (name, content, at) in long() {
        packages.sdk.build(name, &registry, content, at).await;
    }
    let args = json!({"name": "real/data", "registry": registry, "content": 1, "at": START});
    // quilt3 pushes to S3 only.
    let write = if place == Place::S3 { "push" } else { "build" };
    packages.sdk.must(write, args).await;
    registry
}

async fn many(layout: u8, place: Place) {
    let mut packages = Packages::start(layout).await;
    let registry = written(&mut packages, place).await;
    let listed = json!({"registry": registry});
    let theirs = packages.sdk.must("listed", listed).await;
    let ours = packages.ours(&["packages", "list", &registry]).await;
    assert_eq!(sorted(&ours), sorted(&theirs));
    if place == Place::S3 {
        assert_eq!(ours, theirs, "also in order");
    }
    let pair = Pair::copy(&mut packages, registry).await;
    deletions(&mut packages, &pair).await;
}

/// Those that only a registry of some size has; `twins` has the others.
async fn deletions(packages: &mut Packages, pair: &Pair) {
    let scratch = packages.registry(Place::Local, "scratch").await;
    let mut hashes = Vec::new();
    for content in [ALIKE[0], ALIKE[1], 5, 300, 310] {
        let hash = packages.sdk.build("x/y", &scratch, content, START).await;
        hashes.push(hash);
    }
    let [older, newest, five, first, middle] = hashes.try_into().expect("five");
    let unknown = "0".repeat(64);
    assert_eq!(older[..6], newest[..6]);
    for (name, hash) in [
        ("big/two", Some(&unknown[..])),
        ("big/two", Some(&unknown[..9])),
        // A version of the neighbour, by its hash and a prefix.
        ("big/two", Some(&five)),
        ("big/two", Some(&five[..10])),
        ("big/two", Some(&older[..6])),
        ("big/two", Some(&middle)),
        // Unique by a digit; `latest` points to the one, then to the other.
        ("big/two", Some(&newest[..7])),
        ("big/two", Some(&older[..7])),
        ("big/two", Some(&first[..12])),
        // All of the many, beside a neighbour with as many.
        ("big/one", None),
        ("big/one", None),
        // One of tens in a namespace, and its only version.
        ("ns3/package-3", None),
        ("ns5/package-5", Some(&five)),
        ("ns5/package-5", Some(&five)),
        // The only one of its namespace: data that was pushed stays.
        ("real/data", None),
    ] {
        pair.delete(packages, name, hash).await;
    }
}

#[tokio::test]
async fn in_layout_1_on_s3() {
    many(1, Place::S3).await;
}

#[tokio::test]
async fn in_layout_2_on_s3() {
    many(2, Place::S3).await;
}

#[tokio::test]
async fn in_layout_1_in_a_directory() {
    many(1, Place::Local).await;
}

#[tokio::test]
async fn in_layout_2_in_a_directory() {
    many(2, Place::Local).await;
}
