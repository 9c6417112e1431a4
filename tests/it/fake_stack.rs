//! The fake stack against the real Python SDK: where they disagree, it is wrong.

use quilt_tests::fake_stack::{FakeStack, Rotation, StackConfig};
use quilt_tests::harness::Home;
use quilt_tests::harness::toolchain::{Python, Venv};

async fn check(rotation: Rotation) {
    let python = tokio::task::spawn_blocking(|| Python::prepare(Venv::Sdk))
        .await
        .unwrap();
    let python = python.expect("Python 3 is there");
    let mut config = StackConfig::default();
    config.settings.rotation = rotation;
    let stack = FakeStack::bind(config).await.unwrap();
    let home = Home::new();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/quilt3/check_stack.py");
    let output = home
        .command(python.program("python"))
        .arg(script)
        .args(["--catalog", stack.catalog_url()])
        .args(["--control", stack.control_url()])
        .args(["--s3", stack.s3_url()])
        .output()
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_quilt3_does_everything_it_can_on_it() {
    check(Rotation::Strict).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_just_so_when_old_tokens_live_on() {
    check(Rotation::Grace).await;
}
