//! What the program says to who runs it by hand.

use std::process::Command;

#[test]
fn it_names_its_tasks_and_does_nothing_by_itself() {
    let run = Command::new(env!("CARGO_BIN_EXE_quiltctl-aws"))
        .output()
        .expect("it can be started");
    assert_eq!(run.status.code(), Some(2));
    let said = String::from_utf8(run.stderr).expect("help is text");
    assert!(
        said.contains("use-secret") && said.contains("athena"),
        "{said}"
    );
}

#[test]
fn it_does_not_wait_for_a_daemon_that_is_not_there() {
    let run = Command::new(env!("CARGO_BIN_EXE_quiltctl-aws"))
        .args([
            "use-secret",
            "--socket",
            "/nowhere/quiltd.sock",
            "--id",
            "x",
        ])
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_MAX_ATTEMPTS", "1")
        .output()
        .expect("it can be started");
    assert!(!run.status.success());
    let said = String::from_utf8(run.stderr).expect("an error is text");
    assert!(said.starts_with("quiltctl: "), "{said}");
}
