//! Registries nobody thought of, and what is deleted from them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::pair::Pair;
use super::world::{Packages, Place};

/// Packages by name, each a history of (seconds since the last, content).
type Written = BTreeMap<String, Vec<(u64, u64)>>;

/// Which package, and of which content a version, by how many digits of its
/// hash; or all of it. Not every package, or content, is there.
type Deleted = Vec<(usize, Option<(u64, usize)>)>;

const CONTENTS: u64 = 4;

const START: u64 = 1_767_000_000;

fn case() -> impl Strategy<Value = (Written, Deleted)> {
    let name = "[a-cA-C0_é-]{1,3}/[a-c0_名-]{1,3}";
    let history = prop::collection::vec((0u64..3, 0..CONTENTS), 1..8);
    let packages = prop::collection::btree_map(name, history, 1..4);
    let digits = prop_oneof![6usize..=64, Just(64)];
    let version = prop::option::weighted(0.8, (0..CONTENTS, digits));
    (packages, prop::collection::vec((0usize..4, version), 2..8))
}

fn history(written: &Written) -> impl Iterator<Item = (&String, u64, u64)> {
    written.iter().flat_map(|(name, versions)| {
        let mut at = START;
        versions.iter().map(move |(pause, content)| {
            at += pause;
            (name, *content, at)
        })
    })
}

struct Checked {
    packages: Packages,
    /// By content.
    hashes: Vec<String>,
    registries: u32,
}

impl Checked {
    async fn start(layout: u8) -> Self {
        let mut packages = Packages::start(layout).await;
        let scratch = packages.registry(Place::Local, "scratch").await;
        let mut hashes = Vec::new();
        for content in 0..CONTENTS {
            let hash = packages.sdk.build("x/y", &scratch, content, START).await;
            hashes.push(hash);
        }
        Self {
            packages,
            hashes,
            registries: 0,
        }
    }

    async fn check(&mut self, (written, deleted): (Written, Deleted)) {
        self.registries += 1;
        // moto takes its time.
        let place = if self.registries.is_multiple_of(3) {
            Place::S3
        } else {
            Place::Local
        };
        let registry = format!("random-{}", self.registries);
        let packages = &mut self.packages;
        let pair = Pair::write(packages, place, &registry, history(&written)).await;
        packages.agree(&pair.ours).await;
        for (which, version) in deleted {
            let name = written.keys().nth(which).map_or("no/body", String::as_str);
            let hash = version
                .map(|(content, digits)| &self.hashes[usize::try_from(content).unwrap()][..digits]);
            pair.delete(packages, name, hash).await;
        }
    }
}

#[test]
fn generated_registries_have_equal_answers() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for layout in [1, 2] {
        let checked = tokio::sync::Mutex::new(runtime.block_on(Checked::start(layout)));
        let mut runner = TestRunner::new(Config {
            cases: 18,
            max_shrink_iters: 60,
            ..Config::default()
        });
        let outcome = runner.run(&case(), |case| {
            runtime.block_on(async { checked.lock().await.check(case).await });
            Ok(())
        });
        outcome.unwrap();
    }
}
