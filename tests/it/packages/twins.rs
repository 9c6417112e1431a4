//! Every kind of deletion, of packages with odd names.

use super::pair::Pair;
use super::world::{Packages, Place};

/// Names that are legal, if only just.
const ODD: [&str; 8] = [
    "a/b",
    "a/b-c",
    "a-x/b",
    "a/_",
    "-/-",
    "né/名前",
    "A/B",
    "a_/0",
];

const START: u64 = 1_767_000_000;

/// Four contents each, the newest version equal to the first.
fn history() -> impl Iterator<Item = (&'static str, u64, u64)> {
    let times = (START..).step_by(100);
    times.zip(ODD).flat_map(|(at, name)| {
        let versions = [0, 1, 2, 3, 0].into_iter().zip(at..);
        versions.map(move |(content, at)| (name, content, at))
    })
}

/// The hash of the version with a content, the same in both registries.
async fn hash(packages: &mut Packages, content: u64) -> String {
    let scratch = packages.registry(Place::Local, "scratch").await;
    packages.sdk.build("x/y", &scratch, content, START).await
}

async fn both(layout: u8, place: Place) {
    let mut packages = Packages::start(layout).await;
    let pair = Pair::write(&mut packages, place, "odd", history()).await;
    packages.agree(&pair.ours).await;
    let mut hashes = Vec::new();
    for content in 0..4 {
        hashes.push(hash(&mut packages, content).await);
    }
    let deletions: [(&str, Option<&str>); 10] = [
        // Not the newest, by a prefix.
        (ODD[0], Some(&hashes[1][..8])),
        // The newest: `latest` moves.
        (ODD[0], Some(&hashes[0])),
        (ODD[1], None),
        // Down to nothing.
        (ODD[2], Some(&hashes[3])),
        (ODD[2], Some(&hashes[0])),
        (ODD[2], Some(&hashes[2])),
        (ODD[2], Some(&hashes[1])),
        (ODD[4], None),
        (ODD[5], Some(&hashes[0][..6])),
        (ODD[5], None),
    ];
    for (name, hash) in deletions {
        pair.delete(&mut packages, name, hash).await;
    }
    // What is gone is not found again.
    for (name, hash) in [
        (ODD[1], None),
        (ODD[2], None),
        (ODD[0], Some(hashes[0].as_str())),
    ] {
        pair.delete(&mut packages, name, hash).await;
    }
    packages.agree(&pair.ours).await;
}

#[tokio::test]
async fn layout_1_on_s3() {
    both(1, Place::S3).await;
}

#[tokio::test]
async fn layout_2_on_s3() {
    both(2, Place::S3).await;
}

#[tokio::test]
async fn layout_1_in_a_directory() {
    both(1, Place::Local).await;
}

#[tokio::test]
async fn layout_2_in_a_directory() {
    both(2, Place::Local).await;
}
