//! Real AWS programs, unmodified, read S3 with what the daemon vends.

use std::ffi::OsString;
use std::fmt::Write;
use std::process::Stdio;
use std::sync::Once;

use quilt_tests::harness::World;
use quilt_tests::harness::toolchain::{Client, Program, Python, Reading, Venv, say};
use quilt_tests::stack::{DEMO_BUCKET, DEMO_KEY, Settings, StackConfig};
use serde::Deserialize;

use crate::roles::{arn, world};

#[tokio::test(flavor = "multi_thread")]
async fn aws_cli_v1_reads_every_way() {
    reads_every_way(Program::AwsCliV1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_cli_v2_reads_every_way() {
    reads_every_way(Program::AwsCliV2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_reads_every_way() {
    reads_every_way(Program::Boto3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_javascript_sdk_reads_every_way() {
    reads_every_way(Program::JavaScript).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rust_sdk_reads_every_way() {
    reads_every_way(Program::Rust).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_go_sdk_reads_every_way() {
    reads_every_way(Program::Go).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_java_sdk_reads_every_way() {
    reads_every_way(Program::Java).await;
}

/// Said once, whichever program is ready first.
static HEADING: Once = Once::new();

/// Every way a program comes by credentials: one row of the table, and before
/// the first its heading.
async fn reads_every_way(program: Program) {
    let Some(client) = program.ready() else {
        return;
    };
    let lake = format!("[profiles.lake]\nrole_arn = '{}'\n", arn("lake"));
    let world = world(StackConfig::default(), &lake).await;
    set_up(&world).await;
    world.ctl(&["setup", "aws", "--profile", "lake"]).await.ok();
    let mut reading = demo_object(&world);
    let ways = [
        ("profile", profile(&world, "quilt"), None),
        ("assumed role", profile(&world, "lake"), None),
        ("exec", world.home.environment(), Some("default")),
        ("exec, assumed role", world.home.environment(), Some("lake")),
    ];
    let mut row = format!("{:<20}", program.to_string());
    let mut failures = Vec::new();
    for (way, environment, exec) in &ways {
        let client = exec.map_or_else(|| client.clone(), |name| under_exec(&world, &client, name));
        let outcome = client.read(&reading, environment.clone());
        let result = if outcome.is_ok() { "ok" } else { "FAILED" };
        let _ = write!(row, " | {result:<width$}", width = way.len());
        failures.extend(
            outcome
                .err()
                .map(|said| format!("{program}, {way}: {said}")),
        );
    }
    HEADING.call_once(|| {
        let titles: Vec<_> = ways.iter().map(|(way, ..)| *way).collect();
        say(format_args!("\n{:<20} | {}", "program", titles.join(" | ")));
    });
    say(format_args!("{row}"));
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let assumed = world.stack.control().assumed_roles();
    assert_eq!(
        assumed.len(),
        1,
        "one role for every program, and it was used"
    );

    // The client is only worth something if it can fail.
    reading.content.push(b'!');
    assert!(
        client.read(&reading, profile(&world, "quilt")).is_err(),
        "{program} compares nothing"
    );
}

/// The client as a program that `quiltctl exec` runs.
fn under_exec(world: &World, client: &Client, profile: &str) -> Client {
    let exec = world.ctl_command(&["exec", "--catalog", world.stack.catalog_url()]);
    let exec = exec.as_std();
    let before: Vec<OsString> = exec
        .get_args()
        .map(Into::into)
        .chain(["--profile".into(), profile.into(), "--".into()])
        .collect();
    client.clone().within(exec.get_program(), before)
}

/// Longer than five lives of the credentials.
const READ_SECONDS: u32 = 45;
const CREDENTIAL_SECONDS: i64 = 8;

#[derive(Debug, Deserialize)]
struct Summary {
    reads: u32,
    failures: u32,
    credential_changes: u32,
    errors: Vec<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_lived_boto3_client_outlives_five_credential_lifetimes() {
    let python = Python::prepare(Venv::Sdk).unwrap();
    let settings = Settings {
        credential_seconds: CREDENTIAL_SECONDS,
        ..Settings::default()
    };
    let config = StackConfig {
        settings,
        ..StackConfig::default()
    };
    let world = World::with(config).await;
    world.login().await;
    set_up(&world).await;

    let mut command = python.script("long_lived.py").command();
    demo_object(&world).tell(&mut command);
    let output = command
        .envs(profile(&world, "quilt"))
        .env("READ_SECONDS", READ_SECONDS.to_string())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let summary: Summary = serde_json::from_slice(&output.stdout).unwrap();

    assert_eq!(summary.failures, 0, "{:?}", summary.errors);
    // One each second, less what a busy machine may cost.
    assert!(summary.reads >= READ_SECONDS * 9 / 10, "{summary:?}");
    assert!(summary.credential_changes >= 5, "{summary:?}");
}

/// What a user does once: choose the catalog, write the AWS profile.
async fn set_up(world: &World) {
    plant_default_credentials(world);
    world.ctl(&["config", world.stack.catalog_url()]).await.ok();
    world.ctl(&["setup", "aws"]).await.ok();
}

/// What a user has of their own: keys and profiles that say no profile means
/// somebody else. Programs under `exec` must not act as them.
fn plant_default_credentials(world: &World) {
    let home = world.home.path();
    std::fs::create_dir_all(home.join(".aws")).unwrap();
    let keys = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\n\
                aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n";
    let credentials = format!("[default]\n{keys}[work]\n{keys}");
    std::fs::write(home.join(".aws/credentials"), credentials).unwrap();
    let config = format!("[default]\nregion = eu-north-1\n{keys}");
    std::fs::write(home.join(".aws/config"), config).unwrap();
    std::fs::write(home.join(".boto"), format!("[Credentials]\n{keys}")).unwrap();
}

fn profile(world: &World, name: &str) -> Vec<(&'static str, OsString)> {
    let mut environment = world.home.environment();
    environment.push(("AWS_PROFILE", name.into()));
    environment
}

fn demo_object(world: &World) -> Reading {
    let demo = StackConfig::default();
    let bucket = demo
        .buckets
        .iter()
        .find(|bucket| bucket.name == DEMO_BUCKET);
    let object = bucket.and_then(|bucket| bucket.objects.iter().find(|(key, _)| key == DEMO_KEY));
    let Some((_, content)) = object else {
        panic!("the demo has no {DEMO_KEY}")
    };
    Reading {
        s3_url: world.stack.s3_url().to_owned(),
        region: demo.region,
        bucket: DEMO_BUCKET.to_owned(),
        key: DEMO_KEY.to_owned(),
        content: content.to_vec(),
    }
}
