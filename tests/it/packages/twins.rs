//! Two equal registries; quilt3 deletes from one, quiltctl from the other.

use serde_json::json;

use super::world::{Packages, Place, sorted};

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

/// Writes the same history twice.
async fn twins(packages: &mut Packages, place: Place) -> (String, String) {
    let first = packages.registry(place, "first").await;
    for (at, name) in (START..).step_by(100).zip(ODD) {
        for version in 0..4 {
            packages
                .sdk
                .build(name, &first, version, at + version)
                .await;
        }
        // The newest version equals the first.
        packages.sdk.build(name, &first, 0, at + 4).await;
    }
    if place == Place::Local {
        let path = |name: &str| packages.world.home.path().join(name).display().to_string();
        let args = json!({"source": path("first"), "target": path("second")});
        packages.sdk.must("copytree", args).await;
        return (first.clone(), first.replace("/first", "/second"));
    }
    let second = packages.registry(place, "second").await;
    for (at, name) in (START..).step_by(100).zip(ODD) {
        for version in 0..4 {
            packages
                .sdk
                .build(name, &second, version, at + version)
                .await;
        }
        packages.sdk.build(name, &second, 0, at + 4).await;
    }
    (first, second)
}

/// The hash of the version with a content, the same in both registries.
async fn hash(packages: &mut Packages, content: u64) -> String {
    let scratch = packages.registry(Place::Local, "scratch").await;
    packages.sdk.build("x/y", &scratch, content, START).await
}

async fn both(layout: u8, place: Place) {
    let mut packages = Packages::start(layout).await;
    let (theirs, ours) = twins(&mut packages, place).await;
    packages.agree(&theirs).await;
    packages.agree(&ours).await;
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
        let args = json!({"name": name, "registry": theirs, "top_hash": hash});
        packages.sdk.must("delete", args).await;
        let done = packages.delete(&ours, name, hash).await.ok();
        assert!(done.contains(&format!("{name} from {ours}")), "{done}");
        let expected = packages.sdk.objects(&theirs).await;
        let found = packages.sdk.objects(&ours).await;
        assert_eq!(found, expected, "after {name} {hash:?}");
        let names = packages.same_names(&ours).await;
        if names.iter().any(|there| there == name) {
            packages.same_versions(name, &ours).await;
        }
    }
    packages.agree(&ours).await;
    for name in &ODD[1..3] {
        let gone = packages.delete(&ours, name, None).await.failed(7);
        assert!(
            gone.contains(&format!("there is no package {name} in {ours}")),
            "{gone}"
        );
    }
    let gone = packages
        .delete(&ours, ODD[0], Some(&hashes[0]))
        .await
        .failed(7);
    assert!(gone.contains("No such package version exists"), "{gone}");
    let gone = packages
        .delete(&ours, ODD[0], Some("012345"))
        .await
        .failed(7);
    assert!(gone.contains("Found zero matches for '012345'"), "{gone}");
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

/// Hundreds of packages, tens of versions, one of them really pushed.
async fn many(layout: u8) {
    let mut packages = Packages::start(layout).await;
    for place in [Place::S3, Place::Local] {
        let registry = packages.registry(place, "many").await;
        for number in 0..200 {
            let name = format!("ns{}/package-{number}", number % 7);
            let at = START + number;
            packages.sdk.build(&name, &registry, number, at).await;
        }
        for version in 0..25 {
            let at = START + version;
            packages.sdk.build("big/one", &registry, version, at).await;
        }
        let args = json!({"name": "real/data", "registry": registry, "content": 1, "at": START});
        // quilt3 pushes to S3 only.
        let write = if place == Place::S3 { "push" } else { "build" };
        packages.sdk.must(write, args).await;
        let theirs = packages
            .sdk
            .must("listed", json!({"registry": registry}))
            .await;
        let ours = packages.ours(&["packages", "list", &registry]).await;
        assert_eq!(sorted(&ours), sorted(&theirs));
        if place == Place::S3 {
            assert_eq!(ours, theirs, "also in order");
        }
        packages.same_versions("big/one", &registry).await;
        packages.same_versions("real/data", &registry).await;
    }
}

#[tokio::test]
async fn many_packages_in_layout_1() {
    many(1).await;
}

#[tokio::test]
async fn many_packages_in_layout_2() {
    many(2).await;
}
