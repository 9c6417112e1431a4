//! `kill -9` at the worst moments, and broken surroundings.

use std::fs;
use std::time::Duration;

use quilt_tests::fake_stack::{Endpoint, Rotation, StackConfig};
use quilt_tests::harness::{Daemon, Home, World, binaries};

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_rotations_killed_at_random_moments_keep_the_login() {
    let mut config = StackConfig::default();
    config.settings.rotation = Rotation::Grace;
    // So short that every start of the daemon rotates.
    config.settings.access_token_seconds = 60;
    let mut world = World::with(config).await;
    world.login().await;
    world.stack.control().reset_counts();
    let mut rounds = 0;
    while world.stack.control().calls(Endpoint::Token) < 200 {
        rounds += 1;
        let calls = world.stack.control().calls(Endpoint::Token);
        assert!(rounds < 10_000, "only {calls} rotations come about");
        let client = world.client();
        let asking = tokio::spawn(async move { client.token().await.map(drop) });
        let moment = Duration::from_micros(u64::from(getrandom::u32().unwrap() % 40_000));
        tokio::time::sleep(moment).await;
        world.crash_and_restart().await;
        drop(asking.await);
        let text = fs::read_to_string(world.home.sessions_file()).unwrap();
        let state: serde_json::Value = serde_json::from_str(&text).expect("never torn");
        assert!(state["sessions"][world.stack.catalog_url()]["refresh_token"].is_string());
    }
    world.ctl(&["whoami"]).await.ok();
    world.crash_and_restart().await;
    let mut left: Vec<_> = fs::read_dir(world.home.state())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.retain(|name| name.starts_with(".sessions-"));
    assert_eq!(left, [""; 0], "half-written files are swept up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_sessions_file_is_kept_aside_and_reported() {
    let mut world = World::logged_in().await;
    world.daemon.take().unwrap().kill().await;
    fs::write(world.home.sessions_file(), "{ torn").unwrap();
    world.daemon = Some(Daemon::start(&world.home, &["--token-store", "file"]).await);
    let status = world.client().status().await.unwrap();
    assert!(
        status.warnings[0].contains("sessions.json.broken-"),
        "{status:?}"
    );
    let kept = fs::read_dir(world.home.state())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().contains("broken"))
        .unwrap();
    assert_eq!(fs::read_to_string(kept).unwrap(), "{ torn");
    world.ctl(&["credential-process"]).await.failed(3);
    world.login().await;
    world.ctl(&["credential-process"]).await.ok();
    // What it holds is no longer the daemon's to end.
    let run = world.ctl(&["logout", "--all"]).await;
    let line = run.stderr.lines().find(|line| line.contains("run: rm "));
    assert!(
        line.is_some_and(|line| line.contains("sessions.json.broken-")),
        "{run:?}"
    );
    run.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_cannot_be_written_is_one_clear_line() {
    let home = Home::new();
    fs::remove_dir(home.path().join("state")).unwrap();
    fs::write(home.path().join("state"), "in the way").unwrap();
    let mut command = home.command(binaries::quiltd());
    let output = command
        .args(["--token-store", "file"])
        .output()
        .await
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let last = stderr.lines().last().unwrap();
    assert!(
        last.starts_with("quiltd: cannot enter ") && last.contains("state"),
        "{last}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_lets_a_rotation_finish() {
    let mut config = StackConfig::default();
    config.settings.rotation = Rotation::Strict;
    config.settings.access_token_seconds = 60;
    let mut world = World::with(config).await;
    world.login().await;
    world.crash_and_restart().await;
    let control = world.stack.control().clone();
    let held = control.plant(
        Endpoint::Token,
        quilt_tests::fake_stack::Fault::always(quilt_tests::fake_stack::FaultKind::Hold),
    );
    control.reset_counts();
    let client = world.client();
    let asking = tokio::spawn(async move { client.token().await.map(drop) });
    control
        .wait_for_counts(|now| now.calls(Endpoint::Token) == 1)
        .await;
    asking.abort();
    let daemon = world.daemon.take().unwrap();
    let stopping = tokio::spawn(daemon.stop());
    control.clear_fault(held);
    assert!(stopping.await.unwrap().success());
    world.daemon = Some(Daemon::start(&world.home, &["--token-store", "file"]).await);
    world.ctl(&["whoami"]).await.ok();
}
