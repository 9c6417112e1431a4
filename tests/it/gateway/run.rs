//! Programs that use quilt3 for longer than its tokens live.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use quilt_proto::api::ReadGateway;
use quilt_tests::fake_stack::{Endpoint, GraphqlRefusal, KeySeed, StackConfig};
use quilt_tests::harness::{Run, World};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Child;

use super::{holds_a_stacks_token, once, quilt3, sdk_file, sdk_files, set_up};

/// A life of access tokens short enough to outlive some, in seconds.
const TOKEN_SECONDS: i64 = 6;

/// Reads `credentials.json` over and over: true if it held anything but the
/// placeholder, if only for a moment.
fn watch_credentials(world: &World) -> (Arc<AtomicBool>, std::thread::JoinHandle<bool>) {
    let stop = Arc::new(AtomicBool::new(false));
    let path = sdk_file(world, "credentials.json");
    let placeholder = fs::read_to_string(&path).unwrap();
    assert!(placeholder.contains("quiltd"));
    let watching = Arc::clone(&stop);
    let watcher = std::thread::spawn(move || {
        let mut leaked = false;
        while !watching.load(Ordering::Relaxed) {
            leaked |= fs::read_to_string(&path).is_ok_and(|text| text != placeholder);
            std::thread::sleep(Duration::from_millis(1));
        }
        leaked
    });
    (stop, watcher)
}

/// Runs so many processes for more than three lives of an access token each.
async fn outlive(world: &World, processes: usize) {
    let seconds = (TOKEN_SECONDS * 3 + 2).to_string();
    let mut running = Vec::new();
    for number in 0..processes {
        let name = format!("p{number}");
        let args = ["--seconds", &seconds, "--name", &name];
        running.push(quilt3(world, &args).await.spawn().unwrap());
    }
    for child in running {
        let run = Run::from(child.wait_with_output().await.unwrap());
        assert!(
            run.ok().lines().count() >= 2,
            "the first round, and one after all that time"
        );
    }
}

fn short_lives() -> StackConfig {
    let mut config = StackConfig::default();
    config.settings.access_token_seconds = TOKEN_SECONDS;
    config.settings.credential_seconds = 2 * TOKEN_SECONDS;
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_processes_outlive_three_access_tokens_and_leave_no_secret() {
    let world = set_up(short_lives()).await;
    let (stop, watcher) = watch_credentials(&world);
    let auth = fs::read_to_string(sdk_file(&world, "auth.json")).unwrap();
    outlive(&world, 8).await;
    stop.store(true, Ordering::Relaxed);
    assert!(!watcher.join().unwrap(), "credentials lay on the disk");
    assert_eq!(
        fs::read_to_string(sdk_file(&world, "auth.json")).unwrap(),
        auth
    );
    let rotations = world.stack.control().calls(Endpoint::Token);
    assert!(rotations >= 3, "{rotations}");
    // What the stack gave out is in none of the files.
    let token = world.ctl(&["token"]).await.ok();
    for (name, text) in sdk_files(&world) {
        assert!(!text.contains(token.trim()), "{name}");
        assert!(
            !holds_a_stacks_token(&text) && !text.contains("ASIA"),
            "{name}: {text}"
        );
    }
    let audit = world.ctl(&["audit", "--json"]).await.ok();
    let audit: Value = serde_json::from_str(&audit).unwrap();
    let with_grant = audit.as_array().unwrap().iter();
    let actions: Vec<_> = with_grant
        .filter(|entry| entry["grant_id"].is_string())
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert!(
        actions.contains(&"registry") && actions.contains(&"credentials"),
        "{actions:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_serves_it_just_the_same() {
    let world = World::with(short_lives()).await;
    let key = world
        .stack
        .control()
        .add_key(&KeySeed::new("alice", "ci"))
        .unwrap();
    world
        .ctl_with_input(&["login", "--api-key"], &key.secret)
        .await
        .ok();
    world.ctl(&["setup", "quilt3"]).await.ok();
    let (stop, watcher) = watch_credentials(&world);
    outlive(&world, 8).await;
    stop.store(true, Ordering::Relaxed);
    assert!(!watcher.join().unwrap());
    assert_eq!(
        world.stack.control().calls(Endpoint::Token),
        0,
        "nobody logged in"
    );
    for (name, text) in sdk_files(&world) {
        assert!(!text.contains("qk_"), "{name}");
    }
}

/// A long-lived quilt3 and its first line.
async fn long_lived(world: &World) -> Child {
    let mut command = quilt3(world, &["--seconds", "600"]).await;
    let mut child = command.spawn().unwrap();
    next_round(&mut child).await;
    child
}

/// Waits until everything has been done once more, from its start.
async fn next_round(child: &mut Child) {
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    for _ in 0..2 {
        let line = lines.next_line().await.unwrap();
        if line.is_none() {
            let mut said = String::new();
            child
                .stderr
                .as_mut()
                .unwrap()
                .read_to_string(&mut said)
                .await
                .unwrap();
            panic!("quilt3 gave up: {said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_daemon_keeps_port_and_grant() {
    let mut world = set_up(StackConfig::default()).await;
    let before = world.client().send(&ReadGateway).await.unwrap();
    for _ in 0..3 {
        once(&world).await.ok();
        world.crash_and_restart().await;
        let after = world.client().send(&ReadGateway).await.unwrap();
        assert_eq!(after, before);
        assert!(after.listening && after.strays.is_empty());
    }
    let mut child = long_lived(&world).await;
    // A new login, while it runs: it never knew a token.
    world.ctl(&["logout"]).await.ok();
    world.login().await;
    next_round(&mut child).await;
    child.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ended_is_told_and_a_new_login_is_enough() {
    let mut config = StackConfig::default();
    config.settings.graphql_refusal = GraphqlRefusal::Anonymous;
    let world = set_up(config).await;
    once(&world).await.ok();
    world.stack.control().outdate_access_tokens();
    once(&world).await.ok();
    world.stack.control().revoke_sessions(None);
    let failed = once(&world).await;
    assert_ne!(failed.code, 0);
    assert!(
        failed.stderr.contains("Authentication failed"),
        "{}",
        failed.stderr
    );
    world.login().await;
    once(&world).await.ok();
}
