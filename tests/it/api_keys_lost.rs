//! A new secret that cannot be printed is no reason to have two keys or none.
#![cfg(target_os = "linux")]

use std::process::Stdio;

use quilt_proto::wire::TokenKind;
use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind};
use quilt_tests::harness::{Run, SmallDisk, World, binaries};

use crate::api_keys::{planted, with_key};

const CREATE: &str = "graphql:apiKeyCreate";

/// `quiltctl` with its stdout as a shell's `redirection` makes it.
async fn redirected(world: &World, args: &str, redirection: &str) -> Run {
    let line = format!("\"$0\" --no-autostart {args} {redirection}");
    let mut command = world.home.command("bash");
    let output = command
        .args(["-o", "pipefail", "-c", &line])
        .arg(binaries::quiltctl())
        .env("QUILT_CATALOG", world.stack.catalog_url())
        .stdin(Stdio::null())
        .output();
    output.await.unwrap().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_made_where_stdout_takes_nothing() {
    let (world, id, secret) = with_key().await;
    let control = world.stack.control();
    for redirection in [">&-", ">/dev/full", "1</dev/null"] {
        for args in [
            "api-keys create new",
            "api-keys create new --json",
            "api-keys rotate --current",
            &format!("api-keys rotate {id} --json"),
        ] {
            let line = redirected(&world, args, redirection).await.failed(1);
            let again = args.trim_end_matches(" --json");
            if args != again {
                let problem: serde_json::Value = serde_json::from_str(&line).unwrap();
                let what = problem["detail"].as_str().unwrap_or_default();
                assert!(what.ends_with("no key was made"), "{redirection}: {line}");
                assert_eq!(problem["hint"], format!("quiltctl {again}"), "{line}");
                continue;
            }
            assert!(
                line.ends_with(&format!("no key was made; run: quiltctl {again}")),
                "{redirection}: {line}"
            );
        }
    }
    let counts = control.counts();
    assert_eq!(counts.operation(CREATE), 0);
    assert_eq!(control.key_count(), 1);
    assert_eq!(world.ctl(&["token"]).await.ok().trim(), secret);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_null_device_and_a_file_are_fine() {
    let world = World::logged_in().await;
    redirected(&world, "api-keys create a", ">/dev/null")
        .await
        .ok();
    redirected(&world, "api-keys create b", ">made").await.ok();
    let made = std::fs::read_to_string(world.home.path().join("made")).unwrap();
    assert!(made.contains("Secret: qk_"), "{made}");
    redirected(&world, "api-keys create c", "| grep -m1 ID")
        .await
        .ok();
    redirected(&world, "api-keys create d", "| cat").await.ok();
    assert_eq!(world.stack.control().key_count(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_created_key_whose_secret_is_lost_is_revoked() {
    let world = World::logged_in().await;
    let control = world.stack.control();
    let line = redirected(&world, "api-keys create 'my key'", "| sleep 0.3").await;
    let line = line.failed(1);
    assert!(
        line.contains(" is revoked; run: quiltctl api-keys create 'my key'"),
        "{line}"
    );
    assert_eq!(control.key_count(), 0);
    // Where not even that works, it is named. The list is not asked for.
    control.plant(
        Endpoint::Graphql,
        Fault::times(FaultKind::status(500), 100).after(1),
    );
    let line = redirected(&world, "api-keys create x", "| sleep 0.3")
        .await
        .failed(1);
    assert!(
        line.contains("could not be revoked; run: quiltctl api-keys revoke "),
        "{line}"
    );
    assert_eq!(control.key_count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_whose_secret_is_lost_is_undone() {
    let (world, id, secret) = with_key().await;
    let control = world.stack.control();
    for which in ["--current", &id] {
        let args = format!("api-keys rotate {which}");
        let line = redirected(&world, &args, "| sleep 0.3").await.failed(1);
        assert!(
            line.contains(&format!("the old key {id} still works and is in use"))
                && line.ends_with(&format!("; run: quiltctl {args}")),
            "{line}"
        );
        assert_eq!(control.key_count(), 1);
        assert_eq!(world.ctl(&["token"]).await.ok().trim(), secret);
        world.ctl(&["whoami"]).await.ok();
        let run = world.ctl(&["status"]).await;
        assert!(!run.stderr.contains("rotation"), "{run:?}");
    }
    world.ctl(&["api-keys", "rotate", "--current"]).await.ok();
    assert_eq!(control.key_count(), 1);
}

/// Two rotations of a key get the same successor. One whose reader goes away
/// does not take it from the other, which has revoked the old key.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_rotations_at_once_one_key_is_left_that_works() {
    let world = World::logged_in().await;
    let (id, _) = planted(&world, "elsewhere");
    let control = world.stack.control();
    let (reader, writer) = std::io::pipe().unwrap();
    full(&writer);
    let mut waiting = world.ctl_command(&["api-keys", "rotate", &id]);
    waiting.stdout(writer).stderr(Stdio::piped());
    let waiting = waiting.spawn().unwrap();
    control
        .wait_for_counts(|now| now.operation(CREATE) > 0)
        .await;
    let rotated = crate::api_keys::json(&world, &["api-keys", "rotate", &id]).await;
    drop(reader);
    let run = Run::from(waiting.wait_with_output().await.unwrap());
    assert!(
        run.stderr.contains("another rotation has revoked"),
        "{run:?}"
    );
    run.failed(1);
    assert_eq!(control.key_count(), 1);
    let secret = rotated["secret"].as_str().unwrap();
    world
        .ctl_with_input(&["login", "--api-key"], secret)
        .await
        .ok();
    world.ctl(&["whoami"]).await.ok();
}

/// Fills a pipe, so that the next writer waits.
fn full(mut pipe: &std::io::PipeWriter) {
    use std::io::Write;

    rustix::io::ioctl_fionbio(pipe, true).unwrap();
    while pipe.write(&[b' '; 4096]).is_ok() {}
    rustix::io::ioctl_fionbio(pipe, false).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_of_another_key_leaves_the_login_alone() {
    let world = World::logged_in().await;
    let (id, _) = planted(&world, "elsewhere");
    let args = format!("api-keys rotate {id} --json");
    let line = redirected(&world, &args, "| sleep 0.3").await.failed(1);
    assert!(
        line.contains(&format!("the old key {id} still works")),
        "{line}"
    );
    assert_eq!(world.stack.control().key_count(), 1);
    world.ctl(&["api-keys", "get", &id]).await.ok();
    let kind = world.client().session().await.unwrap().status.kind;
    assert_eq!(kind, Some(TokenKind::Interactive));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_on_a_full_disk_is_no_place_for_a_secret() {
    let (world, id, secret) = with_key().await;
    let dir = world.home.path().join("disk");
    let Some(disk) = SmallDisk::over(&world.home, &dir).await else {
        return;
    };
    disk.fill();
    let out = std::fs::File::create(disk.path().join("out")).unwrap();
    let mut command = world.ctl_command(&["api-keys", "rotate", "--current"]);
    let child = command.stdout(out).stderr(Stdio::piped()).spawn().unwrap();
    let line = Run::from(child.wait_with_output().await.unwrap()).failed(1);
    assert!(
        line.contains(&format!("the old key {id} still works")),
        "{line}"
    );
    assert_eq!(world.stack.control().key_count(), 1);
    assert_eq!(world.ctl(&["token"]).await.ok().trim(), secret);
}
