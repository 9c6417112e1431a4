//! The real AWS CLI and botocore, as doctor runs them.

use std::os::unix::fs::symlink;

use quilt_tests::harness::toolchain::{Python, Venv};
use quilt_tests::harness::{World, binaries};

use super::files::append;
use super::{codes, diagnosis, found, found_after, healthy, sh, tools};

/// Puts both on the path.
fn install(world: &World) {
    let tools = tools(world);
    let aws = Python::prepare(Venv::AwsCliV1).unwrap().program("aws");
    symlink(aws, tools.join("aws")).unwrap();
    // The place of the interpreter is how it finds its packages: a symlink
    // would lead it elsewhere.
    let python = Python::prepare(Venv::Sdk).unwrap().program("python");
    let script = format!("#!/bin/sh\nexec '{}' \"$@\"\n", python.display());
    binaries::script(&tools.join("python3"), &script);
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_proven_to_come_to_quiltd() {
    let world = healthy().await;
    install(&world);
    let run = sh(&world, &[], "quiltctl doctor --json").await;
    let diagnosis = diagnosis(&run);
    assert_eq!(diagnosis.findings, []);
    for (program, profile) in [
        ("AWS CLI 1.", "quilt"),
        ("AWS CLI 1.", "lake"),
        ("botocore 1.", "quilt"),
        ("botocore 1.", "lake"),
    ] {
        let proven = diagnosis.proven.iter().any(|line| {
            let end = format!("resolves profile {profile} through quiltd");
            line.starts_with(program) && line.ends_with(&end)
        });
        assert!(proven, "{program} {profile}: {:#?}", diagnosis.proven);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_they_go_instead_is_told_by_name_and_without_a_secret() {
    let world = healthy().await;
    install(&world);
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKIACANARY"),
        ("AWS_SECRET_ACCESS_KEY", "canary-secret"),
    ];
    let findings = found(&world, &keys).await;
    // With `--profile` the AWS CLI does not look at them.
    let expected = ["environment_keys", "program_elsewhere", "program_elsewhere"];
    assert_eq!(codes(&findings), expected, "{findings:#?}");
    assert!(
        findings[1].summary.starts_with("botocore") && findings[1].summary.contains("from env")
    );
    assert!(!format!("{findings:?}").to_lowercase().contains("canary"));
    assert_eq!(
        found_after(&world, &keys, &findings[1].hint.to_string()).await,
        []
    );

    let lines = "[quilt]\naws_access_key_id = AKIACANARY\naws_secret_access_key = canary\n";
    append(world.home.path(), ".aws/credentials", lines);
    let editor = [("EDITOR", "sed -i /aws_/d")];
    let findings = found(&world, &editor).await;
    let expected = ["profile_keys", "program_elsewhere", "program_elsewhere"];
    assert_eq!(codes(&findings), expected, "{findings:#?}");
    for found in &findings[1..] {
        assert!(
            found.summary.contains("shared-credentials-file"),
            "{found:?}"
        );
    }
    assert!(!format!("{findings:?}").to_lowercase().contains("canary"));
    assert_eq!(
        found_after(&world, &editor, &findings[2].hint.to_string()).await,
        []
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_quiltd_in_the_shell_are_no_error() {
    let world = healthy().await;
    install(&world);
    for env in ["quiltctl env", "quiltctl env --profile lake"] {
        let line = format!("eval \"$({env})\"; quiltctl doctor --json");
        let run = sh(&world, &[], &line).await;
        let findings = diagnosis(&run).findings;
        assert_eq!(codes(&findings), ["environment_own_keys"], "{findings:#?}");
        assert!(findings[0].summary.contains("will not be renewed"));
        let line = format!("eval \"$({env})\"; {}", findings[0].hint);
        assert_eq!(found_after(&world, &[], &line).await, []);
    }
}
