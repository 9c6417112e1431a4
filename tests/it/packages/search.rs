//! Search, as text and in the query DSL.

use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind};
use quilt_tests::harness::World;
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn text_and_dsl_find_the_same() {
    let world = World::logged_in().await;
    let table = world.ctl(&["search", "iris"]).await.ok();
    assert!(table.starts_with("FOUND"), "{table}");
    assert!(table.contains("s3://demo-bucket/data/iris.csv"), "{table}");
    let hits = async |args: &[&str], input: &str| -> Vec<Value> {
        let args = [&["search", "--json"], args].concat();
        serde_json::from_str(&world.ctl_with_input(&args, input).await.ok()).unwrap()
    };
    let text = hits(&["iris"], "").await;
    assert!(text.len() >= 2);
    assert_eq!(hits(&["iris", "--limit", "1"], "").await.len(), 1);
    let dsl = r#"{"query": {"query_string": {"query": "iris"}}}"#;
    assert_eq!(hits(&["--dsl", "-"], dsl).await.len(), text.len());
    let file = world.home.path().join("query.json");
    std::fs::write(&file, dsl).unwrap();
    assert_eq!(
        hits(&["--dsl", &file.display().to_string()], "")
            .await
            .len(),
        text.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_search_service_says_is_passed_on() {
    let world = World::logged_in().await;
    let dsl = r#"{"query": {"no_such_query": {}}}"#;
    let line = world
        .ctl_with_input(&["search", "--dsl", "-"], dsl)
        .await
        .failed(6);
    assert!(line.contains("no_such_query"), "{line}");
    let line = world
        .ctl_with_input(&["search", "--dsl", "-"], "[]")
        .await
        .failed(8);
    assert!(line.contains("the query is not a JSON object"), "{line}");
    world.ctl(&["search"]).await.failed(2);
    world
        .stack
        .control()
        .plant(Endpoint::Search, Fault::always(FaultKind::status(502)));
    world.ctl(&["search", "iris"]).await.failed(5);
    world.stack.control().clear_faults();
    world.ctl(&["logout"]).await.ok();
    world.ctl(&["search", "iris"]).await.failed(3);
}

/// However many a stack answers with, there are as many as were asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_stack_does_not_choose_how_many_are_found() {
    let world = World::logged_in().await;
    let hits = vec!["{}"; 50_000].join(",");
    let fault = FaultKind::Status {
        status: 200,
        body: format!(r#"{{"hits": {{"hits": [{hits}]}}}}"#),
    };
    let control = world.stack.control();
    control.plant(Endpoint::Search, Fault::always(fault));
    let found = async |args: &[&str]| -> Vec<Value> {
        let args = [&["search", "x", "--json"], args].concat();
        serde_json::from_str(&world.ctl(&args).await.ok()).unwrap()
    };
    assert_eq!(found(&[]).await.len(), 10);
    assert_eq!(found(&["--limit", "20"]).await.len(), 20);
}
