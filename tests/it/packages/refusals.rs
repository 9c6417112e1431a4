//! What S3 refuses, and how it is told.

use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind, Host};

use super::fake::{BUCKET, hash, seed, state, world};

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_told_apart() {
    let world = world().await;
    let list = async |registry: &str| world.ctl(&["packages", "list", registry]).await;

    let line = list("s3://no-such-bucket").await.failed(7);
    assert!(
        line.contains("there is no bucket 'no-such-bucket'"),
        "{line}"
    );
    for nameless in [
        "file:///x/%00".to_owned(),
        format!("file:///{}", "x".repeat(300)),
    ] {
        let line = list(&nameless).await.failed(8);
        assert!(line.contains("no file can have such a name"), "{line}");
    }
    let line = list("https://x").await.failed(8);
    assert!(line.contains("that is not a registry"), "{line}");

    world.ctl(&["role", "switch", "ReadQuiltBucket"]).await.ok();
    let line = list(&format!("s3://{BUCKET}")).await.failed(6);
    assert!(line.contains("Access Denied"), "{line}");
    list("s3://demo-bucket").await.ok();

    world.stack.control().refuse(Host::S3, true);
    let line = list("s3://demo-bucket").await.failed(5);
    assert!(
        line.contains("bucket 'demo-bucket' cannot be reached"),
        "{line}"
    );
    world.stack.control().refuse(Host::S3, false);

    world.ctl(&["logout"]).await.ok();
    list("s3://demo-bucket").await.failed(3);
    assert_eq!(
        list("file:///nowhere").await.ok(),
        "",
        "a directory needs no login"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_credentials_are_replaced_once() {
    let world = world().await;
    seed(&world, 1);
    let list = ["packages", "list", &format!("s3://{BUCKET}")];
    assert_eq!(world.ctl(&list).await.ok(), "ns/name-2\nns/name\n");
    assert!(world.stack.control().expire_credentials() > 0);
    let before = world.stack.control().calls(Endpoint::GetCredentials);
    assert_eq!(world.ctl(&list).await.ok(), "ns/name-2\nns/name\n");
    assert_eq!(
        world.stack.control().calls(Endpoint::GetCredentials),
        before + 1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_hashes_are_checked_before_any_request() {
    let world = world().await;
    seed(&world, 1);
    world.stack.control().reset_counts();
    let registry = format!("s3://{BUCKET}");
    for (args, message) in [
        (
            &["packages", "versions", "ns"][..],
            "Invalid package name: ns.",
        ),
        (
            &["packages", "versions", "../name"],
            "Invalid package name: ../name.",
        ),
        (
            &["packages", "delete", "ns/na me"],
            "Invalid package name: “ns/na me”.",
        ),
        (
            &["packages", "delete", "ns/name", "--top-hash", "abc"],
            "Invalid hash: abc.",
        ),
        (
            &["packages", "delete", "ns/name", "--top-hash", "ABCDEF"],
            "Invalid hash: ABCDEF.",
        ),
    ] {
        let args = [args, &["--registry", &registry]].concat();
        let line = world.ctl(&args).await.failed(8);
        assert!(line.contains(message), "{line}");
    }
    for path in [
        "/v1/packages/ns/na%20me/versions",
        "/v1/packages/ns/%2e%2e/versions",
    ] {
        let answer =
            super::stream::raw(&world, "GET", &format!("{path}?registry={registry}")).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert!(answer.contains("\"invalid_input\""), "{answer}");
    }
    let path = format!("/v1/packages/ns/name?registry={registry}&top_hash=xyz");
    let answer = super::stream::raw(&world, "DELETE", &path).await;
    assert!(answer.contains("Invalid hash: xyz."), "{answer}");
    assert_eq!(world.stack.control().calls(Endpoint::S3), 0);
    assert_eq!(hash(1).len(), 64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_misspelt_parameter_deletes_nothing() {
    let world = world().await;
    seed(&world, 1);
    let target = format!("/v1/packages/ns/name?registry=s3://{BUCKET}&tophash=abcdef");
    let refused = world.ask("DELETE", &target, "*/*", None).await;
    assert_eq!(refused.status.as_u16(), 400, "{}", refused.text());
    let list = ["packages", "list", &format!("s3://{BUCKET}")];
    assert_eq!(world.ctl(&list).await.ok(), "ns/name-2\nns/name\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_s3s_answer_is_told_and_read_no_further() {
    let world = world().await;
    seed(&world, 1);
    let registry = format!("s3://{BUCKET}");
    let (list, versions, delete): (&[&str], &[&str], &[&str]) = (
        &["packages", "list", &registry],
        &["packages", "versions", "ns/name", "--registry", &registry],
        &[
            "packages",
            "delete",
            "ns/name",
            "--registry",
            &registry,
            "--yes",
        ],
    );
    let before = state(&world, 1);
    for (kind, message) in [
        (
            FaultKind::Huge { bytes: 1 << 40 },
            "the answer is too large",
        ),
        (FaultKind::Garbage, "the answer is not S3's"),
        (FaultKind::Truncated, "broke off its answer"),
        (FaultKind::Html, "answered with a web page"),
    ] {
        for command in [list, versions, delete] {
            let control = world.stack.control();
            control.plant(Endpoint::S3, Fault::always(kind.clone()));
            let line = world.ctl(command).await.failed(5);
            control.clear_faults();
            let context = format!("{kind:?}, {command:?}: {line}");
            assert!(line.contains(message), "{context}");
            let hints = [
                "; run: quiltctl doctor",
                "; run: curl -sSI -m 10 -o /dev/null ",
            ];
            assert!(hints.iter().any(|hint| line.contains(hint)), "{context}");
        }
    }
    assert_eq!(state(&world, 1), before);
    // Debug builds are large; what must not be in it is the answer.
    let peak = world.daemon.as_ref().unwrap().peak_kib();
    assert!(peak < 100 * 1024, "{peak} KiB");
}
