//! The configuration, shared with the Python SDK both ways.

use std::fs;

use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind};
use quilt_tests::harness::World;
use quilt_tests::harness::toolchain::{Python, Venv};

#[tokio::test(flavor = "multi_thread")]
async fn the_python_sdk_and_quiltctl_see_each_others_configuration() {
    let world = World::start().await;
    world.ctl(&["config", world.stack.catalog_url()]).await.ok();
    let seen = python(
        &world,
        "import quilt3; print(quilt3.config()['registryUrl'])",
    )
    .await;
    assert_eq!(seen.trim(), world.stack.registry_url());

    python(
        &world,
        "import quilt3; quilt3.config(default_remote_registry='s3://theirs')",
    )
    .await;
    let ours = world.ctl(&["config", "--json"]).await.ok();
    let ours: serde_json::Value = serde_json::from_str(&ours).unwrap();
    assert_eq!(ours["default_remote_registry"], "s3://theirs");

    world
        .ctl(&["config", "--set", "default_remote_registry=s3://ours"])
        .await
        .ok();
    world
        .ctl(&["config", "--set", "telemetry_disabled=true"])
        .await
        .ok();
    let whole = "import quilt3, json; print(json.dumps(dict(quilt3.config()), sort_keys=True))";
    let theirs: serde_json::Value =
        serde_json::from_str(python(&world, whole).await.trim()).unwrap();
    let ours = world.ctl(&["config", "--json"]).await.ok();
    let ours: serde_json::Value = serde_json::from_str(&ours).unwrap();
    assert_eq!(ours, theirs);
    assert_eq!(theirs["telemetry_disabled"], true);
}

async fn python(world: &World, code: &str) -> String {
    let python = tokio::task::spawn_blocking(|| Python::prepare(Venv::Sdk))
        .await
        .unwrap();
    let python = python.expect("Python 3 is there");
    let output = world
        .home
        .command(python.program("python"))
        .args(["-c", code])
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_catalog_is_refused_and_changes_nothing() {
    let world = World::start().await;
    world.ctl(&["config", world.stack.catalog_url()]).await.ok();
    let before = fs::read(world.home.config_yml()).unwrap();
    for bad in [
        "demo",
        "s3://bucket",
        "http://quilt.example",
        "https://u:p@x.example",
    ] {
        let line = world.ctl(&["config", bad]).await.failed(8);
        // It shows which catalogs there are.
        assert!(line.contains("run: quiltctl status"), "{line}");
    }
    let cases = [
        (FaultKind::Html, "answered with a web page"),
        (FaultKind::Garbage, "it is not JSON"),
        (
            FaultKind::Status {
                status: 200,
                body: "{}".into(),
            },
            "names no registryUrl",
        ),
        (
            FaultKind::Status {
                status: 200,
                body: r#"{"registryUrl":"s3://b"}"#.into(),
            },
            "registryUrl in its config.json is unusable",
        ),
        (FaultKind::status(404), "404"),
    ];
    for (kind, says) in cases {
        world
            .stack
            .control()
            .plant(Endpoint::Config, Fault::once(kind));
        let line = world
            .ctl(&["config", world.stack.catalog_url()])
            .await
            .failed(8);
        assert!(line.contains(says), "{line}");
    }
    let huge = FaultKind::Huge { bytes: 1 << 30 };
    world
        .stack
        .control()
        .plant(Endpoint::Config, Fault::once(huge));
    let line = world
        .ctl(&["config", world.stack.catalog_url()])
        .await
        .failed(8);
    assert!(line.contains("too large"), "{line}");
    assert_eq!(fs::read(world.home.config_yml()).unwrap(), before);

    world.ctl(&["config", "x", "--set", "a=b"]).await.failed(2);
    world
        .ctl(&["config", "--set", "no_such_key=1"])
        .await
        .failed(8);
    world
        .ctl(&["config", "--set", "navigator_url=nonsense"])
        .await
        .failed(8);
    assert_eq!(fs::read(world.home.config_yml()).unwrap(), before);
    world.ctl(&["config", ""]).await.ok();
    assert_ne!(fs::read(world.home.config_yml()).unwrap(), before);
}
