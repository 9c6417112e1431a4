//! Registries nobody thought of.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use super::world::{Packages, Place};

/// Packages by name, each a history of (seconds since the last, content), and
/// what to delete: which package, and which content or all of it.
type Case = (BTreeMap<String, Vec<(u64, u64)>>, Vec<(usize, Option<u64>)>);

fn case() -> impl Strategy<Value = Case> {
    let name = "[a-cA-C0_é-]{1,3}/[a-c0_名-]{1,3}";
    let history = prop::collection::vec((0u64..3, 0u64..4), 1..5);
    let packages = prop::collection::btree_map(name, history, 1..6);
    (
        packages,
        prop::collection::vec((0usize..6, prop::option::of(0u64..4)), 0..5),
    )
}

async fn check(packages: &mut Packages, place: Place, number: usize, (written, deleted): Case) {
    let registry = packages.registry(place, &format!("random-{number}")).await;
    let mut hashes = BTreeMap::new();
    for (name, history) in &written {
        let mut at = 1_767_000_000;
        for (pause, content) in history {
            at += pause;
            hashes.insert(
                *content,
                packages.sdk.build(name, &registry, *content, at).await,
            );
        }
    }
    packages.agree(&registry).await;
    for (which, content) in deleted {
        let Some(name) = written.keys().nth(which) else {
            continue;
        };
        let hash = content.and_then(|content| hashes.get(&content));
        let run = packages
            .delete(&registry, name, hash.map(String::as_str))
            .await;
        assert!([0, 7].contains(&run.code), "{run:?}");
        if packages.same_names(&registry).await.contains(name) {
            packages.same_versions(name, &registry).await;
        }
        // `latest` is what quilt3 can open, or there is none.
        let args = json!({"name": name, "registry": registry});
        let versions = packages
            .sdk
            .attempt("versions", args)
            .await
            .unwrap_or(json!([]));
        let versions = versions.as_array().unwrap();
        let latest = versions.iter().find(|version| version[0] == "latest");
        let others = || versions.iter().filter(|version| version[0] != "latest");
        if let Some(latest) = latest {
            assert!(others().any(|other| other[1] == latest[1]), "{versions:?}");
        }
    }
}

#[test]
fn generated_registries_have_equal_answers() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for layout in [1, 2] {
        let packages = runtime.block_on(Packages::start(layout));
        let packages = tokio::sync::Mutex::new((packages, 0));
        let mut runner = TestRunner::new(Config {
            cases: 12,
            ..Config::default()
        });
        let outcome = runner.run(&case(), |case| {
            runtime.block_on(async {
                let (packages, number) = &mut *packages.lock().await;
                *number += 1;
                let place = if *number % 2 == 0 {
                    Place::S3
                } else {
                    Place::Local
                };
                check(packages, place, *number, case).await;
            });
            Ok(())
        });
        outcome.unwrap();
    }
}
