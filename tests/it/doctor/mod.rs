//! `quiltctl doctor`: silent about a healthy machine; every planted fault is
//! found, with the command that mends it.

mod daemon;
mod files;
mod programs;
mod shell;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use quilt_proto::wire::{Diagnosis, Finding};
use quilt_tests::fake_stack::StackConfig;
use quilt_tests::harness::{Run, World, binaries};

use crate::roles::{arn, world};

/// A machine as the README says how to set one up, with two profiles.
async fn healthy() -> World {
    let lake = format!(
        "[profiles.lake]\nrole_arn = '{}'\nregion = 'eu-west-1'\n",
        arn("lake")
    );
    let world = world(StackConfig::default(), &lake).await;
    set_up(&world).await;
    world
}

async fn set_up(world: &World) {
    tools(world);
    let catalog = world.stack.catalog_url();
    for line in [
        &format!("quiltctl config {catalog}"),
        "quiltctl setup aws",
        "quiltctl setup aws --profile lake --name lake",
    ] {
        sh(world, &[], line).await.ok();
    }
}

/// What a shell of this machine finds: no AWS programs, unless a test brings
/// some.
fn tools(world: &World) -> PathBuf {
    let tools = world.home.path().join("tools");
    if fs::create_dir(&tools).is_err() {
        return tools;
    }
    symlink(binaries::quiltctl(), tools.join("quiltctl")).unwrap();
    let path = std::env::var_os("PATH").unwrap();
    for name in ["chmod", "sed", "sh"] {
        let mut found = std::env::split_paths(&path).map(|dir| dir.join(name));
        let found = found.find(|file| file.exists()).unwrap();
        symlink(found, tools.join(name)).unwrap();
    }
    tools
}

/// A line typed into a shell with these variables.
async fn sh(world: &World, variables: &[(&str, &str)], line: &str) -> Run {
    let tools = tools(world);
    let mut command = world.home.command(tools.join("sh"));
    let output = command
        .args(["-c", line])
        .env("PATH", &tools)
        .env("QUILTD_BIN", binaries::quiltd())
        .envs(variables.iter().copied())
        .output();
    output.await.unwrap().into()
}

/// What doctor finds in such a shell, after a line typed before.
async fn found_after(world: &World, variables: &[(&str, &str)], line: &str) -> Vec<Finding> {
    let line = format!("{{ {line}\n}} >&2\nquiltctl doctor --json");
    let run = sh(world, variables, &line).await;
    diagnosis(&run).findings
}

/// What doctor finds.
async fn found(world: &World, variables: &[(&str, &str)]) -> Vec<Finding> {
    found_after(world, variables, ":").await
}

/// A diagnosis whose exit code is the right one for it.
fn diagnosis(run: &Run) -> Diagnosis {
    let diagnosis: Diagnosis =
        serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("no diagnosis: {run:?}"));
    let is_error = |finding: &Finding| finding.severity == quilt_proto::wire::Severity::Error;
    let is_bad = diagnosis.findings.iter().any(is_error);
    assert_eq!(run.code, i32::from(is_bad), "{run:?}");
    diagnosis
}

fn codes(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|found| found.code.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_machine_has_nothing_to_mend() {
    let world = healthy().await;
    // Where a shell names no profile, it is said how.
    let said = sh(&world, &[], "quiltctl doctor").await.ok();
    let export = said.lines().last().unwrap_or_default();
    assert!(export.ends_with("run: export AWS_PROFILE=quilt"), "{said}");
    let named = [("AWS_PROFILE", "quilt")];
    let run = sh(&world, &named, "quiltctl doctor --verbose").await;
    let said = run.ok();
    let verdict = said.lines().last().unwrap_or_default();
    assert!(verdict.contains("Nothing is wrong"), "{said}");
    for proof in [
        "alice is logged in",
        "clock agrees",
        "has AWS credentials for",
    ] {
        assert!(said.contains(proof), "{said}");
    }
    assert!(!said.contains("run:"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_way_to_the_credentials_is_enough() {
    let ways: [&[&str]; 3] = [
        &["quiltctl setup aws"],
        &["quiltctl setup quilt3"],
        &["quiltctl setup aws", "quiltctl setup quilt3"],
    ];
    for way in ways {
        let world = World::logged_in().await;
        let configured = format!("quiltctl config {}", world.stack.catalog_url());
        sh(&world, &[], &configured).await.ok();
        for line in way {
            sh(&world, &[], line).await.ok();
        }
        assert_eq!(found(&world, &[]).await, [], "after {way:?}");
        // A profile that was set up is missed, whatever else works.
        let has_profile = fs::remove_file(world.home.aws_config()).is_ok();
        let missed: &[&str] = if has_profile {
            &["no_aws_profile"]
        } else {
            &[]
        };
        assert_eq!(codes(&found(&world, &[]).await), missed, "after {way:?}");
    }
}
