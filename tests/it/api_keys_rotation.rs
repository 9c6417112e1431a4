//! Rotation, killed at every step: a key that works is always in somebody's
//! hands, and two are never left behind unsaid.

use std::process::Stdio;

use quilt_proto::api::RotateApiKey;
use quilt_proto::wire::ApiKeyRotation;
use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind, KeySeed};
use quilt_tests::harness::{Daemon, Run, World};
use tokio::io::AsyncReadExt;

use crate::api_keys::{json, planted, with_key};

const REVOKE: &str = "graphql:apiKeyRevoke";

#[tokio::test(flavor = "multi_thread")]
async fn the_key_in_use_is_replaced_by_one_that_works() {
    let (world, id, secret) = with_key().await;
    let rotated = json(&world, &["api-keys", "rotate", "--current"]).await;
    assert_eq!(rotated["replaces"]["id"], id.as_str());
    assert_eq!(rotated["api_key"]["name"], "ci");
    assert_eq!(rotated["in_use"], true);
    let new = rotated["secret"].as_str().unwrap();
    assert_ne!(new, secret);
    assert_eq!(world.ctl(&["token"]).await.ok().trim(), new);
    assert_eq!(
        world.stack.control().key_count(),
        1,
        "the old one is revoked"
    );
    let run = world.ctl(&["status"]).await;
    assert!(!run.stderr.contains("rotation"), "{run:?}");
    // And once more: rotation is not a dead end.
    world
        .ctl(&["api-keys", "rotate", "--current", "--expires-in-days", "30"])
        .await
        .ok();
    assert_eq!(world.stack.control().key_count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_not_in_use_is_replaced_and_shown() {
    let world = World::logged_in().await;
    let (id, _) = planted(&world, "elsewhere");
    let shown = world.ctl(&["api-keys", "rotate", &id]).await.ok();
    let secret = shown
        .lines()
        .find_map(|line| line.strip_prefix("Secret: "))
        .unwrap();
    assert_eq!(world.stack.control().key_count(), 1);
    assert!(world.ctl(&["whoami"]).await.ok().contains("alice"));
    assert_ne!(
        world.ctl(&["token"]).await.ok().trim(),
        secret,
        "the login goes on"
    );
    world
        .ctl_with_input(&["login", "--api-key"], secret)
        .await
        .ok();
    world
        .ctl(&["api-keys", "rotate", "no-such-id"])
        .await
        .failed(7);
    world.ctl(&["clear-api-key"]).await.ok();
    world
        .ctl(&["api-keys", "rotate", "--current"])
        .await
        .failed(7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_successor_that_does_not_work_changes_nothing() {
    let (world, _, secret) = with_key().await;
    let control = world.stack.control();
    // Lists, makes, and then tries the new key three times.
    control.plant(
        Endpoint::Graphql,
        Fault::times(FaultKind::status(401), 3).after(2),
    );
    world
        .ctl(&["api-keys", "rotate", "--current"])
        .await
        .failed(6);
    assert_eq!(control.key_count(), 1, "the new key is revoked again");
    assert_eq!(world.ctl(&["token"]).await.ok().trim(), secret);
}

/// Somebody else logs in while a key is made, or before the old one is revoked.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_is_of_whoever_began_it() {
    let world = World::logged_in().await;
    let (id, _) = planted(&world, "ci");
    let control = world.stack.control();
    let log_in = async |who: &str| {
        let code = control.login_code(who).unwrap();
        let login = ["login", "--code-stdin"];
        world.ctl_with_input(&login, &code).await.ok();
    };
    // Reads the key, lists those of its name, makes the new one, tries it.
    let held = control.plant(Endpoint::Graphql, Fault::once(FaultKind::Hold).after(3));
    let mut rotating = world.ctl_command(&["api-keys", "rotate", &id]);
    rotating.stdout(Stdio::piped()).stderr(Stdio::piped());
    let rotating = rotating.spawn().unwrap();
    control
        .wait_for_counts(|now| now.operation("graphql:apiKeyCreate") > 0)
        .await;
    log_in("bob").await;
    control.clear_fault(held);
    let run = Run::from(rotating.wait_with_output().await.unwrap());
    assert!(run.stderr.contains("somebody else is logged in"), "{run:?}");
    run.failed(8);
    assert_eq!(control.key_count(), 1, "the new key is revoked");

    log_in("alice").await;
    let call = RotateApiKey(ApiKeyRotation {
        id: Some(id.clone()),
        expires_in_days: None,
    });
    world.client().send(&call).await.unwrap();
    log_in("bob").await;
    let line = world.ctl(&["api-keys", "rotate", &id]).await.failed(7);
    assert!(!line.contains("revoked"), "{line}");
    log_in("alice").await;
    world.ctl(&["api-keys", "get", &id]).await.ok();
}

/// Has the stack, after so many requests, answer with a new key of bob's, as what
/// caches before it may.
fn answer_with_bobs_key(world: &World, after: u32) {
    let control = world.stack.control();
    let bobs = control.add_key(&KeySeed::new("bob", "ci")).unwrap();
    let key = serde_json::json!({
        "id": bobs.id, "name": "ci", "fingerprint": "qk_...", "status": "ACTIVE",
        "createdAt": "2026-01-01T00:00:00Z", "expiresAt": "2099-01-01T00:00:00Z",
        "lastUsedAt": null, "userEmail": "alice@example.com",
    });
    let made = serde_json::json!({
        "__typename": "APIKeyCreated", "apiKey": key, "secret": bobs.secret,
    });
    let body = serde_json::json!({ "data": { "apiKeyCreate": made } }).to_string();
    let answer = FaultKind::Status { status: 200, body };
    control.plant(Endpoint::Graphql, Fault::once(answer).after(after));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_of_another_user_is_not_used() {
    let (world, id, secret) = with_key().await;
    // Lists, and then makes the new one.
    answer_with_bobs_key(&world, 1);
    let rotate = ["api-keys", "rotate", "--current"];
    let line = world.ctl(&rotate).await.failed(5);
    assert!(line.contains("its new API key is bob's"), "{line}");
    assert_eq!(world.ctl(&["token"]).await.ok().trim(), secret);
    answer_with_bobs_key(&world, 0);
    let create = ["api-keys", "create", "another", "--use"];
    let line = world.ctl(&create).await.failed(5);
    assert!(line.contains("its new API key is bob's"), "{line}");
    assert_eq!(world.ctl(&["token"]).await.ok().trim(), secret);
    world.ctl(&["api-keys", "get", &id]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_told_and_the_next_rotation_waits() {
    for cut_off in [FaultKind::LostAnswer, FaultKind::Truncated] {
        a_cut_off_answer_is_told_and_the_next_rotation_waits(cut_off).await;
    }
}

async fn a_cut_off_answer_is_told_and_the_next_rotation_waits(cut_off: FaultKind) {
    let (world, id, secret) = with_key().await;
    let control = world.stack.control();
    control.plant(Endpoint::Graphql, Fault::once(cut_off).after(1));
    let line = world
        .ctl(&["api-keys", "rotate", "--current"])
        .await
        .failed(5);
    assert!(line.contains("may have been made"), "{line}");
    assert_eq!(world.ctl(&["token"]).await.ok().trim(), secret);
    let line = world
        .ctl(&["api-keys", "rotate", "--current"])
        .await
        .failed(8);
    assert!(line.contains("run: quiltctl api-keys revoke "), "{line}");
    let orphan = line.rsplit(' ').next().unwrap();
    assert_ne!(orphan, id);
    world
        .ctl(&["api-keys", "revoke", orphan, "--yes"])
        .await
        .ok();
    world.ctl(&["api-keys", "rotate", "--current"]).await.ok();
    assert_eq!(control.key_count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_that_can_be_neither_tried_nor_revoked_is_named_until_it_is_gone() {
    let (world, id, secret) = with_key().await;
    let control = world.stack.control();
    let mut calls = 0;
    // The stack goes down after so many calls, which is at some time after the
    // key was made.
    let line = loop {
        let down = Fault::always(FaultKind::status(503)).after(calls);
        control.plant(Endpoint::Graphql, down);
        let rotate = ["api-keys", "rotate", "--current"];
        let line = world.ctl(&rotate).await.failed(5);
        control.clear_faults();
        if control.key_count() > 1 {
            break line;
        }
        assert!(!line.contains("revoke"), "{line}");
        calls += 1;
    };
    assert!(!line.contains("nothing was changed"), "{line}");
    let orphan = line.rsplit(' ').next().unwrap();
    assert_ne!(orphan, id);
    let remedy = format!("quiltctl api-keys revoke {orphan}");
    assert!(line.ends_with(&format!("; run: {remedy}")), "{line}");
    assert_eq!(world.ctl(&["token"]).await.ok().trim(), secret);
    let status = async || world.ctl(&["status"]).await.stderr;
    let told = status().await;
    assert!(told.contains(&remedy), "{told}");
    let revoke = ["api-keys", "revoke", orphan, "--yes"];
    world.ctl(&revoke).await.ok();
    let told = status().await;
    assert!(!told.contains("revoke"), "{told}");
    world.ctl(&["api-keys", "rotate", "--current"]).await.ok();
    assert_eq!(control.key_count(), 1);
}

/// Whether the last step was done is known as little as of any other.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_key_is_said_to_work_only_where_that_is_known() {
    // Each call in turn; whether a new key works is asked again.
    for calls in 0..9 {
        let (world, _, secret) = with_key().await;
        let control = world.stack.control();
        let lost = Fault::once(FaultKind::LostAnswer).after(calls);
        control.plant(Endpoint::Graphql, lost);
        let run = world.ctl(&["api-keys", "rotate", "--current"]).await;
        if run.stderr.contains("the old key") {
            assert!(run.stderr.contains(" may still work; "), "{run:?}");
            assert_eq!(control.key_count(), 1, "it was revoked");
            assert_ne!(world.ctl(&["token"]).await.ok().trim(), secret);
            return;
        }
    }
    panic!("the revocation was never what was lost");
}

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Cli,
    Daemon,
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_step_fifty_times() {
    let mut reported = 0;
    for round in 0..50 {
        let victim = if round % 2 == 0 {
            Victim::Cli
        } else {
            Victim::Daemon
        };
        // The calls of a rotation, one after the other: list, create, try,
        // revoke. A call is either held before it has an effect, or has its
        // effect and its answer is held; and once nothing is held at all.
        let (step, takes_effect) = ((round / 4) % 4, (round / 2) % 2 == 1);
        reported += u32::from(killed(victim, step, takes_effect).await);
    }
    assert!(reported >= 5, "some of these leave two keys: {reported}");
}

/// Answers whether two keys were left, and reported.
async fn killed(victim: Victim, step: u32, takes_effect: bool) -> bool {
    let what = format!("{victim:?} at call {step}, effect: {takes_effect}");
    let (mut world, id, secret) = with_key().await;
    let control = world.stack.control().clone();
    control.reset_counts();
    // To be stopped after a call took effect is to be stopped before the next.
    let step = step + u32::from(takes_effect);
    let fault = Fault::once(FaultKind::Hold).after(step);
    let fault = control.plant(Endpoint::Graphql, fault);
    let mut cli = world
        .ctl_command(&["api-keys", "rotate", "--current"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = cli.stdout.take().unwrap();
    if step < 4 {
        control
            .wait_for_counts(|counts| counts.calls(Endpoint::Graphql) > u64::from(step))
            .await;
    } else {
        control
            .wait_for_counts(|counts| counts.operation(REVOKE) > 0)
            .await;
    }
    match victim {
        Victim::Cli => cli.kill().await.unwrap(),
        Victim::Daemon => world.daemon.take().unwrap().kill().await,
    }
    control.clear_fault(fault);
    let mut printed = String::new();
    stdout.read_to_string(&mut printed).await.unwrap();
    let _ = cli.wait().await;
    if victim == Victim::Daemon {
        world.daemon = Some(Daemon::start(&world.home, &["--token-store", "file"]).await);
    } else {
        // What was under way in the daemon ends by itself.
        settled(&world).await;
    }

    // Somebody has a key that works: the user the old one, or the new one.
    let new = printed
        .lines()
        .find_map(|line| line.strip_prefix("Secret: "));
    let mut works = None;
    for secret in [new, Some(secret.as_str())].into_iter().flatten() {
        if works.is_none()
            && world
                .ctl_with_input(&["login", "--api-key"], secret)
                .await
                .code
                == 0
        {
            works = Some(secret.to_owned());
        }
    }
    assert!(
        works.is_some(),
        "{what}: nobody has a key that works; printed: {printed:?}"
    );

    let left = control.key_count();
    assert!((1..=2).contains(&left), "{what}: {left} keys");
    if left == 1 {
        return false;
    }
    // Two are left: told by the list, by the status, and by the next rotation.
    let list = world.ctl(&["api-keys", "list"]).await;
    assert!(
        list.stderr.contains("2 active keys are named ci"),
        "{what}: {list:?}"
    );
    let status = world.ctl(&["status"]).await;
    assert!(
        status.stderr.contains("a rotation at"),
        "{what}: {status:?}"
    );
    let refused = world.ctl(&["api-keys", "rotate", "--current"]).await;
    assert_eq!(refused.code, 8, "{what}: {refused:?}");
    assert_eq!(control.key_count(), 2, "{what}: none is added");
    // And mended by what they say to run.
    let other = refused.stderr.trim().rsplit(' ').next().unwrap().to_owned();
    world
        .ctl(&["api-keys", "revoke", &other, "--yes"])
        .await
        .ok();
    assert_eq!(control.key_count(), 1, "{what}");
    assert_eq!(world.ctl(&["token"]).await.ok().trim(), works.unwrap());
    if other != id {
        world.ctl(&["api-keys", "rotate", "--current"]).await.ok();
    }
    true
}

/// Waits until the daemon's own part of a rotation is over: rotations take
/// turns, so the answer to a second one comes after the first.
async fn settled(world: &World) {
    let call = RotateApiKey(ApiKeyRotation {
        id: Some("no-such-id".to_owned()),
        expires_in_days: None,
    });
    let _ = world.client().send(&call).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_killed_before_it_had_the_secret_gets_it_by_asking_again() {
    let (world, id, _) = with_key().await;
    let control = world.stack.control();
    let fault = control.plant(Endpoint::Graphql, Fault::once(FaultKind::Hold).after(2));
    let mut cli = world
        .ctl_command(&["api-keys", "rotate", "--current"])
        .spawn()
        .unwrap();
    control
        .wait_for_counts(|counts| counts.operation("graphql:apiKeyCreate") > 0)
        .await;
    cli.kill().await.unwrap();
    control.clear_fault(fault);
    settled(&world).await;
    let run = world.ctl(&["status"]).await;
    assert!(
        run.stderr.contains(&format!("api-keys revoke {id}")),
        "{run:?}"
    );
    let rotated = json(&world, &["api-keys", "rotate", "--current"]).await;
    assert_eq!(rotated["replaces"]["id"], id.as_str());
    assert_eq!(
        world.ctl(&["token"]).await.ok().trim(),
        rotated["secret"].as_str().unwrap()
    );
    assert_eq!(control.key_count(), 1);
}
